"""The samples folder: only whole files, never one lost."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oneshot_server.errors import DiskFullError, ForbiddenError
from oneshot_server.library import samples_folder
from oneshot_server.library.samples_folder import SamplesFolder


@pytest.fixture
def samples(tmp_path: Path) -> SamplesFolder:
    return SamplesFolder(tmp_path / "samples")


def parts(samples: SamplesFolder) -> list[Path]:
    return list(samples.folder.glob(".oneshot-*"))


def test_a_published_file_is_whole_and_alone(samples: SamplesFolder) -> None:
    path = samples.publish(b"RIFF", samples.name_for("punchy kick", 7))
    assert path == samples.folder / "punchy_kick_7.wav"
    assert path.read_bytes() == b"RIFF"
    assert list(samples.folder.iterdir()) == [path]


def test_a_name_is_handed_out_once(samples: SamplesFolder) -> None:
    names = [samples.name_for("kick", 7) for _ in range(3)]
    assert names == ["kick_7.wav", "kick_7-2.wav", "kick_7-3.wav"]


def test_a_name_that_differs_in_case_alone_is_another_one(samples: SamplesFolder) -> None:
    assert samples.name_for("straße", 1) == "straße_1.wav"
    assert samples.name_for("STRASSE", 1) == "strasse_1-2.wav"  # one name where case is folded


def test_a_name_given_back_is_free_again(samples: SamplesFolder) -> None:
    name = samples.name_for("kick", 7)
    samples.release(name)
    assert samples.name_for("kick", 7) == name


def test_a_name_on_the_disk_is_taken(samples: SamplesFolder) -> None:
    samples.publish(b"first", samples.name_for("kick", 7))
    assert samples.name_for("kick", 7) == "kick_7-2.wav"
    (samples.folder / "snare_1.wav").symlink_to("nowhere")
    assert samples.name_for("snare", 1) == "snare_1-2.wav"


def test_a_file_that_appeared_meanwhile_is_not_overwritten(samples: SamplesFolder) -> None:
    name = samples.name_for("kick", 7)
    samples.folder.mkdir()
    (samples.folder / name).write_bytes(b"the producer's own")
    path = samples.publish(b"new", name)
    assert path.name == "kick_7-2.wav"
    assert (samples.folder / name).read_bytes() == b"the producer's own"


def test_a_file_that_appears_at_the_moment_of_the_rename_is_not_overwritten(
    samples: SamplesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples.folder.mkdir()
    (samples.folder / "kick_7.wav").write_bytes(b"the producer's own")
    monkeypatch.setattr(os.path, "lexists", lambda _path: False)  # it was not there a moment ago
    path = samples.publish(b"new", "kick_7.wav")
    assert path.name == "kick_7-2.wav"
    assert (samples.folder / "kick_7.wav").read_bytes() == b"the producer's own"


def test_a_name_as_long_as_a_name_can_be_has_a_next_one(samples: SamplesFolder) -> None:
    name = "k" * 251 + ".wav"
    assert samples.publish(b"1", name).name == name
    assert samples.publish(b"2", name).name == "k" * 249 + "-2.wav"


def test_threads_that_publish_the_same_prompt_lose_nothing(samples: SamplesFolder) -> None:
    def publish(number: int) -> Path:
        return samples.publish(str(number).encode(), samples.name_for("kick", 7))

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(publish, range(40)))
    assert len(set(paths)) == 40
    assert [path.read_bytes() for path in paths] == [str(n).encode() for n in range(40)]
    assert not parts(samples)


def test_a_folder_that_was_removed_comes_back(samples: SamplesFolder) -> None:
    samples.publish(b"1", "a.wav").unlink()
    samples.folder.rmdir()
    assert samples.publish(b"2", "b.wav").read_bytes() == b"2"


def test_a_drive_that_is_not_there_is_not_made_up(tmp_path: Path) -> None:
    samples = SamplesFolder(tmp_path / "unplugged" / "samples")
    with pytest.raises(ForbiddenError, match=r"unplugged/samples cannot be written.*drive"):
        samples.publish(b"1", "a.wav")
    with pytest.raises(ForbiddenError):
        samples.check()
    assert not (tmp_path / "unplugged").exists()


@pytest.mark.parametrize("name", ["../a.wav", "/a.wav", "a/b.wav", "a\\b.wav", "..", ""])
def test_a_name_with_a_separator_is_forbidden(name: str, samples: SamplesFolder) -> None:
    with pytest.raises(ForbiddenError):
        samples.publish(b"1", name)
    assert not samples.folder.exists()


@pytest.mark.parametrize("call", [(os, "fsync"), (samples_folder, "rename_new")])
@pytest.mark.parametrize(
    ("number", "expected", "says"),
    [
        (errno.ENOSPC, DiskFullError, "free some"),
        (errno.EDQUOT, DiskFullError, "free some"),
        (errno.EACCES, ForbiddenError, "samples.folder in config.toml"),
        (errno.EROFS, ForbiddenError, "can only be read"),
        (errno.EIO, ForbiddenError, "Input/output error"),
    ],
)
def test_trouble_with_the_disk_is_told_and_leaves_nothing(
    call: tuple[object, str],
    number: int,
    expected: type[Exception],
    says: str,
    samples: SamplesFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    name = samples.name_for("kick", 7)
    monkeypatch.setattr(*call, fail)
    with pytest.raises(expected, match=f"{samples.folder}.*{says}"):
        samples.publish(b"1", name)
    assert list(samples.folder.iterdir()) == []
    monkeypatch.undo()
    assert samples.publish(b"1", name).name == name


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "samples").write_bytes(b"")
    with pytest.raises(ForbiddenError, match="a file is where a folder should be"):
        SamplesFolder(tmp_path / "samples").publish(b"1", "a.wav")
    with pytest.raises(ForbiddenError, match="a file is where a folder should be"):
        SamplesFolder(tmp_path / "samples" / "deeper").publish(b"1", "a.wav")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_told(samples: SamplesFolder) -> None:
    samples.folder.mkdir(mode=0o500)
    with pytest.raises(ForbiddenError, match="samples"):
        samples.publish(b"1", "a.wav")


def test_a_sweep_removes_half_written_files_and_nothing_else(samples: SamplesFolder) -> None:
    kept = samples.publish(b"1", "a.wav")
    (samples.folder / ".oneshot-00ff.part").write_bytes(b"RI")
    (samples.folder / ".other.part").write_bytes(b"")
    samples.sweep()
    assert sorted(samples.folder.iterdir()) == [samples.folder / ".other.part", kept]


def test_a_sweep_of_a_folder_that_is_not_there_is_nothing(samples: SamplesFolder) -> None:
    samples.sweep()


def test_a_sweep_by_another_daemon_costs_no_sound(
    samples: SamplesFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename_new, swept = samples_folder.rename_new, []

    def sweep_once(source: Path, target: Path) -> None:
        if not swept:
            swept.append(source)
            SamplesFolder(samples.folder).sweep()
        rename_new(source, target)

    monkeypatch.setattr(samples_folder, "rename_new", sweep_once)
    assert samples.publish(b"1", "a.wav").read_bytes() == b"1"
    assert swept
    assert not parts(samples)


def test_a_check_leaves_nothing_behind(samples: SamplesFolder) -> None:
    samples.check()
    assert list(samples.folder.iterdir()) == []
