"""The library follows its folder: whatever is done to either, the index is the folder again."""

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import get_args

import pytest

from oneshot_server.domain.library import LibraryChange, Mark, Query, Sort
from oneshot_server.errors import BadArgumentsError, ForbiddenError, NotFoundError
from oneshot_server.library import sound_questions, sound_search
from oneshot_server.library.database import open_database
from oneshot_server.library.index_changes import MOST_REVISIONS
from oneshot_server.library.library_statistics import statistics
from oneshot_server.library.wav_metadata import extract, mark_wav
from tests.unit.library.sounds import follow, foreign, library, paths, render


@pytest.fixture
def samples(tmp_path):
    (tmp_path / "samples").mkdir()
    return tmp_path / "samples"


def test_a_render_and_a_foreign_file_are_known_by_what_they_say_and_how_they_sound(
    tmp_path, samples
):
    (samples / "a.wav").write_bytes(render(7, "dark kick", hertz=43.65))
    (samples / "Snares").mkdir()
    (samples / "Snares" / "TightOne.wav").write_bytes(foreign(880, seconds=0.3))
    with library(tmp_path) as opened:
        follow(opened)
        ours, other = opened.sound_at("a.wav"), opened.sound_at("Snares/TightOne.wav")
        assert (ours.rendered, ours.kind, ours.prompt, ours.seed) == (True, "kick", "dark kick", 7)
        assert ours.key == "F1"
        assert (other.rendered, other.kind, other.prompt, other.seed) == (False, "snare", "", None)
        assert other.key == "A5"
        assert other.seconds == pytest.approx(0.3, abs=0.001)
        assert other.brightness_hz == pytest.approx(880, rel=0.05)
        assert '"prompt":"dark kick"' in opened.recipe(ours.number)
        assert opened.recipe(other.number) == ""


def test_what_did_not_change_is_not_read_again(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        follow(opened)
        follow(opened)
        assert opened._reader.read_paths == ["a.wav"]
        (samples / "b.wav").write_bytes(render(2))
        follow(opened)
        assert opened._reader.read_paths == ["a.wav", "b.wav"]
    with library(tmp_path) as opened:
        follow(opened)
        assert opened._reader.read_paths == []
        assert paths(opened) == ["a.wav", "b.wav"]


@pytest.mark.parametrize("made", [render(1), foreign(200)], ids=["render", "foreign"])
@pytest.mark.parametrize("copied", [False, True], ids=["renamed", "copied and deleted"])
def test_a_moved_file_keeps_number_stars_tags_and_plays(tmp_path, samples, made, copied):
    (samples / "a.wav").write_bytes(made)
    with library(tmp_path) as opened:
        opened.mark("a.wav", stars=4, tags=["dusty", "für mich"])
        opened.count_play("a.wav")
        before = opened.sound_at("a.wav")
        (samples / "deep").mkdir()
        if copied:
            shutil.copyfile(samples / "a.wav", samples / "deep" / "b.wav")
            (samples / "a.wav").unlink()
        else:
            (samples / "a.wav").rename(samples / "deep" / "b.wav")
        follow(opened)
        after = opened.sound_at("deep/b.wav")
        assert paths(opened) == ["deep/b.wav"]
        assert (after.stars, after.tags, after.plays) == (4, ("dusty", "für mich"), 1)
        assert after.number == before.number


def test_a_deleted_index_comes_back_with_stars_tags_and_plays(tmp_path, samples):
    (samples / "ours.wav").write_bytes(render(1))
    (samples / "other.wav").write_bytes(foreign(200))
    with library(tmp_path) as opened:
        for path in ("ours.wav", "other.wav"):
            opened.mark(path, stars=3, tags=["intro"])
            opened.count_play(path)
    for file in tmp_path.glob("sounds.db*"):
        file.unlink()
    (samples / "other.wav").rename(samples / "elsewhere.wav")  # while nobody looks
    with library(tmp_path) as opened:
        follow(opened)
        for path in ("ours.wav", "elsewhere.wav"):
            sound = opened.sound_at(path)
            assert (sound.stars, sound.tags, sound.plays) == (3, ("intro",), 1)


def test_stars_leave_audio_and_recipe_and_time_and_come_off_without_a_trace(tmp_path, samples):
    file, made = samples / "a.wav", render(1)
    file.write_bytes(made)
    os.utime(file, (1_000_000, 1_000_000))
    with library(tmp_path) as opened:
        opened.mark("a.wav", stars=5, tags=["x"])
        marked = file.read_bytes()
        assert marked != made
        assert extract(marked) == extract(made)
        assert mark_wav(marked, Mark()) == made
        assert file.stat().st_mtime == 1_000_000
        opened.mark("a.wav", stars=0, tags=[])
        assert file.read_bytes() == made
        assert list(samples.iterdir()) == [file]


def test_a_file_of_somebody_else_is_never_written_to(tmp_path, samples):
    file = samples / "a.wav"
    file.write_bytes(foreign(200))
    file.chmod(0o444)
    before = file.stat()
    with library(tmp_path) as opened:
        opened.mark("a.wav", stars=5, tags=["x"])
        assert (file.read_bytes(), file.stat().st_ino) == (foreign(200), before.st_ino)
        (samples / "copy.wav").write_bytes(foreign(200))
        follow(opened)
        assert opened.sound_at("copy.wav").stars == 5  # the same audio is the same sound


def test_only_what_is_said_changes(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        opened.mark("a.wav", stars=2)
        opened.mark("a.wav", tags=["x"])
        assert opened.mark("a.wav", stars=3).tags == ("x",)
        with pytest.raises(BadArgumentsError, match="stars = 6"):
            opened.mark("a.wav", stars=6)
        for tag in ("", "a;b", "a\nb", "x" * 41):
            with pytest.raises(BadArgumentsError, match="tag"):
                opened.mark("a.wav", tags=[tag])
        sound = opened.sound_at("a.wav")
        assert (sound.stars, sound.tags) == (3, ("x",))


def test_a_file_is_taken_at_its_word_when_it_changes(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        follow(opened)
        (samples / "a.wav").write_bytes(foreign(2000))
        follow(opened)
        assert not opened.sound_at("a.wav").rendered
        (samples / "a.wav").write_bytes(b"RIFF")
        follow(opened)
        assert (opened.counts().sounds, opened.counts().unusable) == (0, 1)
        (samples / "a.wav").write_bytes(render(1))
        follow(opened)
        assert (opened.counts().sounds, opened.counts().unusable) == (1, 0)


def test_hostile_files_are_left_out_or_named_and_the_rest_is_there(tmp_path, samples):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(render(1))
    (samples / "link.wav").symlink_to(outside / "secret.wav")
    (samples / "folder").symlink_to(outside)
    (samples / ".hidden.wav").write_bytes(render(2))
    (samples / "no sound.txt").write_bytes(render(3))
    os.mkfifo(samples / "pipe.wav")
    with (samples / "giant.wav").open("wb") as giant:
        giant.truncate(1024**3 + 1)
    (samples / "broken.wav").write_bytes(render(4)[:30])
    (samples / "empty.wav").touch()
    (samples / "nothing.wav").write_bytes(foreign(1)[:44])
    os.close(os.open(os.fsencode(samples) + b"/\xff.wav", os.O_CREAT | os.O_WRONLY))
    (samples / "evil\x1b[31m\n.wav").write_bytes(render(5))
    with library(tmp_path) as opened:
        follow(opened)
        assert paths(opened) == ["evil\x1b[31m\n.wav"]
        troubles = dict(statistics(opened)["troubles"])
        assert sorted(troubles) == ["broken.wav", "empty.wav", "giant.wav", "nothing.wav"]
        assert "larger than 1 GiB" in troubles["giant.wav"]
        assert opened.compare() == ([], [])


@pytest.mark.parametrize(
    "path",
    ["../outside/secret.wav", "/etc/passwd", "/tmp/x.wav", "folder/secret.wav", "link.wav"],
)
def test_paths_that_lead_outside_are_refused(tmp_path, samples, path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.wav").write_bytes(made := render(1))
    (samples / "folder").symlink_to(tmp_path / "outside")
    (samples / "link.wav").symlink_to(tmp_path / "outside" / "secret.wav")
    with library(tmp_path) as opened:
        for ask in (opened.sound_at, lambda p: opened.mark(p, stars=5), opened.count_play):
            with pytest.raises((ForbiddenError, NotFoundError)):
                ask(path)
    assert (tmp_path / "outside" / "secret.wav").read_bytes() == made


def test_an_absolute_path_is_taken_as_a_sample_event_tells_it(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        assert opened.mark(str(samples / "a.wav"), stars=1).path == "a.wav"
        with pytest.raises(NotFoundError):
            opened.mark(str(samples / "b.wav"), stars=1)


def test_an_index_deleted_between_two_questions_is_begun_anew(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        follow(opened)
        generation = opened.generation()
        (tmp_path / "sounds.db").unlink()
        assert opened.generation() != generation
        assert paths(opened) == []
        follow(opened)
        assert paths(opened) == ["a.wav"]
        for file in tmp_path.glob("sounds.db*"):
            file.unlink()
        assert opened.mark("a.wav", stars=2).stars == 2  # asked of nobody, it is looked at


def test_a_damaged_index_and_that_of_another_version_are_begun_anew(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    (tmp_path / "sounds.db").write_bytes(b"SQLite no more" * 1000)
    with library(tmp_path) as opened:
        follow(opened)
        assert paths(opened) == ["a.wav"]
    connection = sqlite3.connect(tmp_path / "sounds.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with library(tmp_path) as opened:
        assert paths(opened) == []
        follow(opened)
        assert paths(opened) == ["a.wav"]


def test_an_unplugged_drive_is_no_empty_folder(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        follow(opened)
        samples.rename(tmp_path / "away")
        with pytest.raises(ForbiddenError, match="cannot be read"):
            opened.compare()
        assert paths(opened) == ["a.wav"]


def test_what_is_alike_is_near(tmp_path, samples):
    for name, hertz in (("low", 60), ("low2", 63), ("high", 4000), ("high2", 4200)):
        (samples / f"{name}.wav").write_bytes(foreign(hertz))
    with library(tmp_path) as opened:
        follow(opened)
        near = opened.similar(opened.sound_at("low.wav").number, 3)
        assert near[0].sound.path == "low2.wav"
        assert [n.distance for n in near] == sorted(n.distance for n in near)
        (samples / "low2.wav").unlink()
        (samples / "low3.wav").write_bytes(foreign(61))
        follow(opened)
        near = opened.similar(opened.sound_at("low.wav").number, 9)
        assert near[0].sound.path == "low3.wav"
        assert len(near) == 3
        places = {place.number: place for place in opened.places()}
        assert len(places) == 4
        with pytest.raises(NotFoundError):
            opened.similar(10_000, 3)


def test_the_map_has_every_sound_with_its_kind_in_the_order_of_numbers(
    tmp_path, samples, monkeypatch
):
    monkeypatch.setattr(sound_questions, "PLACES_AT_ONCE", 2)
    kinds = ("kick", "snare", "clap", "ride", "tom")
    for number, kind in enumerate(kinds):
        (samples / f"{kind}.wav").write_bytes(foreign(60 * 2**number))
    with library(tmp_path) as opened:
        assert list(opened.places()) == []
        follow(opened)
        (samples / "kick.wav").unlink()
        (samples / "bell.wav").write_bytes(foreign(3000))
        list(opened.places())  # so that the last sound takes the place of the one that goes
        follow(opened)
        places = list(opened.places())
        assert [place.number for place in places] == sorted(place.number for place in places)
        told = {opened.sound(place.number).path: place.kind for place in places}
        assert told == {f"{kind}.wav": kind for kind in (*kinds[1:], "bell")}
        assert len({(place.x, place.y) for place in places}) == len(kinds)


def test_a_search_finds_words_beginnings_and_limits_in_the_order_asked(tmp_path, samples):
    for seed, prompt in enumerate(["dark kick", "bright kick", "dark snare", "böse hat"]):
        file = samples / f"{seed}.wav"
        file.write_bytes(render(seed, prompt, hertz=100 * (seed + 1)))
        os.utime(file, (seed, seed))
    with library(tmp_path) as opened:
        follow(opened)
        opened.mark("1.wav", stars=3, tags=["100%"])

        def found(**query):
            result = opened.search(Query(**query))
            assert result.total == len(result.sounds)
            return [sound.path[0] for sound in result.sounds]

        assert found() == ["3", "2", "1", "0"]
        assert found(sort="oldest") == ["0", "1", "2", "3"]
        assert found(sort="brightest") == ["3", "2", "1", "0"]
        assert found(text="dark") == ["2", "0"]
        assert found(text="KI dar") == ["0"]
        assert found(text="BOS") == found(text="böse") == ["3"]
        assert found(text='") OR 1 --') == []
        assert found(text="* - ^ \" '") == ["3", "2", "1", "0"]  # nothing was said
        assert found(kind="snare") == ["2"]
        assert found(stars=2) == ["1"]
        assert found(tag="100%") == ["1"]
        assert found(tag="100") == []
        assert found(darkest=150, brightest=250) == ["1"]
        assert found(rendered=False) == []
        assert found(key="G") == ["3", "1", "0"]
        assert found(key="G2") == ["0"]
        assert opened.search(Query(limit=1, offset=1)).sounds[0].path == "2.wav"
        assert opened.search(Query(limit=1, offset=1)).total == 4
        for wrong in (Query(limit=0), Query(offset=-1), Query(key="H"), Query(text="x" * 501)):
            with pytest.raises(BadArgumentsError):
                opened.search(wrong)
        with pytest.raises(BadArgumentsError):
            opened.search(replace(Query(), sort="best"))


@pytest.mark.parametrize("sort", get_args(Sort))
def test_a_search_of_many_sounds_finds_what_one_of_few_does(tmp_path, samples, sort, monkeypatch):
    for number in range(12):
        name = f"{'kick' if number % 3 else 'snare'} {number}.wav"
        (samples / name).write_bytes(
            foreign(90 + 70 * (number * 5 % 12), seconds=0.1 + 0.01 * number)
        )
    query = Query(text="ki", shortest=0.12, longest=0.2, darkest=200, brightest=700, sort=sort)
    queries = (query, replace(query, text=""), replace(query, kind="kick"), replace(query, limit=2))
    with library(tmp_path) as opened:
        follow(opened)
        few = [opened.search(query) for query in queries]
        assert [found.total for found in few] == [3, 5, 3, 3]
        monkeypatch.setattr(sound_search, "MANY", 1)
        assert [opened.search(query) for query in queries] == few


def test_several_processes_may_begin_an_index_at_once(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    open_database(tmp_path / "library.db").close()

    def look(_):
        with library(tmp_path) as opened:
            follow(opened)
            return paths(opened)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(look, range(8))) == [["a.wav"]] * 8


def test_a_copied_file_costs_no_look_through_its_folder(tmp_path, samples, monkeypatch):
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened:
        follow(opened)
        (samples / "copy.wav").write_bytes(render(1))
        listed = []
        monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or [])
        opened.update(["copy.wav"])
        assert listed == []
        assert paths(opened) == ["a.wav", "copy.wav"]


@pytest.mark.parametrize(
    ("before", "after"), [("Drums/a.wav", "drums/a.wav"), ("a.wav", "A.wav"), ("é.wav", "é.wav")]
)
def test_a_new_name_that_is_the_old_one_to_the_file_system_is_a_new_name(
    tmp_path, samples, monkeypatch, before, after
):
    """macOS and Windows find Kick.wav by the name of kick.wav, and macOS however é is stored."""
    lexists = os.path.lexists

    def lexists_by_any_name(path):
        return lexists(path) or str(path) == str(samples / before)

    (samples / before).parent.mkdir(exist_ok=True)
    (samples / before).write_bytes(render(1))
    with library(tmp_path) as opened:
        follow(opened)
        number = opened.sound_at(before).number
        if (samples / before).parent != samples:
            (samples / before).parent.rename((samples / after).parent)
        else:
            (samples / before).rename(samples / after)
        monkeypatch.setattr(os.path, "lexists", lexists_by_any_name)
        follow(opened)
        assert paths(opened) == [after]
        assert opened.sound_at(after).number == number


def test_a_file_that_cannot_be_used_is_found_by_no_word_wherever_it_goes(tmp_path, samples):
    (samples / "kick.wav").write_bytes(b"RIFF")
    with library(tmp_path) as opened:
        follow(opened)
        (samples / "kick.wav").rename(samples / "kick 2.wav")
        follow(opened)
        assert opened.search(Query(text="kick")).total == 0


@pytest.mark.parametrize("there", ["moved.wav", "elsewhere.wav", None])
def test_two_processes_that_follow_the_same_move_come_to_the_same(tmp_path, samples, there):
    """One has looked at the folder, and before it writes the other has written already."""
    (samples / "a.wav").write_bytes(render(1))
    with library(tmp_path) as opened, library(tmp_path) as other:
        follow(opened)
        (samples / "a.wav").rename(samples / "moved.wav")
        write = opened._indexer._write

        def write_late(work):
            opened._indexer._write = write
            if there != "moved.wav":
                (samples / "moved.wav").rename(samples / "elsewhere.wav")
            if there is None:
                (samples / "elsewhere.wav").unlink()
            follow(other)
            return write(work)

        opened._indexer._write = write_late
        follow(opened)
        follow(opened)
        assert paths(opened) == ([there] if there else [])
        assert opened.compare() == ([], [])


def test_changes_are_told_in_steps_from_any_moment(tmp_path, samples):
    with library(tmp_path) as opened:
        seen = opened.revision()
        assert opened.changes_since(seen) == (LibraryChange(), seen)
        for seed in range(3 * MOST_REVISIONS):
            (samples / f"{seed}.wav").write_bytes(render(seed))
            opened.update([f"{seed}.wav"])
        told, steps = [], 0
        while True:
            change, now = opened.changes_since(seen)
            if now == seen:
                break
            told += [sound.path for sound in change.now]
            seen, steps = now, steps + 1
        assert told == [f"{seed}.wav" for seed in range(3 * MOST_REVISIONS)]
        assert steps == 3
        for file in tmp_path.glob("sounds.db*"):
            file.unlink()
        opened.generation()
        follow(opened)
        change, _ = opened.changes_since(seen)
        assert len(change.now) == 3 * MOST_REVISIONS  # of the new index, from its beginning
