import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
import torch

from oneshot_server.errors import BadArgumentsError
from oneshot_server.training.prepare import make_cache, prepare_sounds
from oneshot_server.training.report import make_report, write_report
from oneshot_server.training.spec import TrainingPlan
from tests.unit.training.making import RATE, hit, read_folder, write_hit

PLAN = TrainingPlan(max_seconds=2.0)


def prepared(folder, model, model_folder, work, plan=PLAN, check=lambda: None):
    cache = make_cache(work, model, model_folder, plan)
    return prepare_sounds(read_folder(folder), folder, model, plan, cache, check)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A producer's folder: eight good files, and one of each fault."""
    folder = tmp_path / "кик 🥁"
    for number in range(6):
        write_hit(folder / f"kick_{number}.wav", 50.0 * 1.5**number)
    write_hit(folder / "Малый" / "том.wav", 700.0, decay=4.0)
    write_hit(folder / f"{'k' * 240}.wav", 1000.0, decay=30.0)
    shutil.copy(folder / "kick_0.wav", folder / "z_same.wav")
    soundfile.write(folder / "z_quieter.wav", hit(50.0) * 0.5, RATE, subtype="FLOAT")
    (folder / "z_text.wav").write_text("no sound")
    (folder / "z_cut.wav").write_bytes((folder / "kick_1.wav").read_bytes()[:5000])
    soundfile.write(folder / "z_silent.wav", np.zeros(RATE), RATE)
    write_hit(folder / "z_loop.wav", 200.0, seconds=3.0, decay=0.2)
    return folder


def test_each_file_is_used_or_told_why_not_and_the_folder_is_left_alone(
    folder, tiny, tiny_folder, tmp_path
):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = prepared(folder, tiny, tiny_folder, tmp_path / "work")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    skipped = dict(found.skipped)
    assert len(found.used) == 8
    assert skipped["z_same.wav"] == "the same file as kick_0.wav"
    assert skipped["z_quieter.wav"] == "sounds the same as kick_0.wav"
    assert skipped["z_text.wav"].startswith("unreadable")
    assert skipped["z_cut.wav"].startswith("cut off")
    assert skipped["z_silent.wav"].startswith("silent")
    assert skipped["z_loop.wav"].startswith("a loop of 3.0 s")
    assert skipped["link.wav"] == "it leads outside"
    assert len(skipped) == 7


def test_the_report_says_it_to_people_and_programs(folder, tiny, tiny_folder, tmp_path):
    found = prepared(folder, tiny, tiny_folder, tmp_path / "work")
    report = make_report(read_folder(folder), found, tiny)
    write_report(tmp_path / "report", report, found)
    text = (tmp_path / "report" / "report.txt").read_text(encoding="utf-8")
    assert "8 sounds used" in text
    assert "z_loop.wav: a loop of 3.0 s, longer than 2 s" in text
    parsed = msgspec.json.decode((tmp_path / "report" / "report.json").read_bytes())
    assert len(parsed["used"]) == 8
    assert sum(file["held_out"] for file in parsed["used"]) == len(found.held_out)
    assert (tmp_path / "report" / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")


def test_latents_are_computed_once_and_survive_damage(
    folder, tiny, tiny_folder, tmp_path, monkeypatch
):
    work = tmp_path / "work"
    first = prepared(folder, tiny, tiny_folder, work)
    kept = sorted((work / "latents").iterdir())
    kept[0].write_bytes(b"damaged")
    kept[1].write_bytes(kept[2].read_bytes()[:-10])
    encoded = []
    encode = tiny.vae.encode
    monkeypatch.setattr(tiny.vae, "encode", lambda image: encoded.append(1) or encode(image))
    again = prepared(folder, tiny, tiny_folder, work)
    assert len(encoded) == 2
    for a, b in zip(first.used, again.used, strict=True):
        assert torch.equal(a.encoded.latents, b.encoded.latents)


def test_no_usable_file_is_an_error_that_says_what_was_found(tiny, tiny_folder, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    with pytest.raises(BadArgumentsError, match="no sound files"):
        prepared(folder, tiny, tiny_folder, tmp_path / "work")
    for number in range(7):
        (folder / f"{number}.wav").write_text("no sound")
    with pytest.raises(BadArgumentsError, match=r"0\.wav: .*and 3 more"):
        prepared(folder, tiny, tiny_folder, tmp_path / "work")


def test_a_single_file_is_its_own_judge(tiny, tiny_folder, tmp_path):
    write_hit(tmp_path / "one" / "kick.wav", 60.0)
    found = prepared(tmp_path / "one", tiny, tiny_folder, tmp_path / "work")
    assert len(found.used) == 1
    assert not found.holds_out
    report = make_report(read_folder(tmp_path / "one"), found, tiny)
    write_report(tmp_path / "report", report, found)
    assert "judged by those" in (tmp_path / "report" / "report.txt").read_text()


def test_a_file_that_comes_moves_no_other_to_the_other_side(tiny, tiny_folder, tmp_path):
    folder = tmp_path / "many"
    for number in range(16):
        write_hit(folder / f"{number:02}.wav", 40.0 * 1.2**number)
    before = prepared(folder, tiny, tiny_folder, tmp_path / "work")
    write_hit(folder / "00_new.wav", 5000.0, decay=3.0)
    after = prepared(folder, tiny, tiny_folder, tmp_path / "work")
    trained = {sound.file.path for sound in before.training}
    assert 2 <= len(before.held_out) <= 5
    assert not trained & {sound.file.path for sound in after.held_out}


def test_variants_come_after_the_sound_as_it_is(tiny, tiny_folder, tmp_path):
    write_hit(tmp_path / "one" / "kick.wav", 200.0)
    plain = prepared(tmp_path / "one", tiny, tiny_folder, tmp_path / "work")
    plan = TrainingPlan(variants=3, pitch_semitones=0.5, shift_seconds=0.001)
    varied = prepared(tmp_path / "one", tiny, tiny_folder, tmp_path / "work", plan)
    latents = varied.used[0].encoded.latents
    assert latents.shape == (3, 4, 8, 8)
    assert torch.equal(latents[:1], plain.used[0].encoded.latents)
    assert not torch.equal(latents[0], latents[1])


def test_a_check_can_stop_it_between_two_files(folder, tiny, tiny_folder, tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(folder, tiny, tiny_folder, tmp_path / "work", check=stop)
