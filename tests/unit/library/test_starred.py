import pytest

from oneshot_server.library.dataset_folder import read_dataset
from oneshot_server.library.starred import collect_starred, count_new
from tests.unit.library.sounds import follow, foreign, library, render


@pytest.fixture
def opened(tmp_path):
    (tmp_path / "samples" / "deep").mkdir(parents=True)
    (tmp_path / "samples" / "a.wav").write_bytes(render(1, "dark kick"))
    (tmp_path / "samples" / "deep" / "a.wav").write_bytes(render(2, "dark snare"))
    (tmp_path / "samples" / "Tight Hat.wav").write_bytes(foreign(3000))
    (tmp_path / "samples" / "copy.wav").write_bytes(foreign(3000))
    with library(tmp_path) as opened:
        follow(opened)
        yield opened


def test_the_dataset_has_one_copy_of_each_starred_sound_and_its_words(opened, tmp_path):
    opened.mark("a.wav", stars=5)
    opened.mark("deep/a.wav", stars=4)
    opened.mark("Tight Hat.wav", stars=4)
    folder = tmp_path / "datasets" / "taste"
    assert collect_starred(opened, folder, tmp_path / "trash", stars=4) == 3
    manifest = read_dataset(folder)
    assert {file.caption for file in manifest.files} >= {"dark kick", "dark snare"}
    assert len(manifest.files) == 3
    assert collect_starred(opened, folder, tmp_path / "trash", stars=4) == 3
    assert read_dataset(folder).hash == manifest.hash  # nothing new to train on


def test_what_lost_its_stars_goes_to_the_trash_and_what_is_anothers_stays(opened, tmp_path):
    folder = tmp_path / "datasets" / "taste"
    opened.mark("a.wav", stars=5)
    opened.mark("deep/a.wav", stars=5)
    collect_starred(opened, folder, tmp_path / "trash", stars=4)
    (folder / "mine.wav").write_bytes(foreign(100))
    opened.mark("a.wav", stars=1)
    assert collect_starred(opened, folder, tmp_path / "trash", stars=4) == 1
    assert len(list(folder.glob("*.wav"))) == 2
    assert (folder / "mine.wav").exists()
    (moved,) = (tmp_path / "trash" / "taste").iterdir()
    assert moved.read_bytes()[:4] == b"RIFF"
    assert not list(folder.glob(".*"))


def test_a_sound_that_is_renamed_or_moved_is_the_same_sound(opened, tmp_path):
    folder, trash = tmp_path / "datasets" / "taste", tmp_path / "trash"
    for path in ("a.wav", "deep/a.wav"):
        opened.mark(path, stars=4)
    collect_starred(opened, folder, trash, stars=4)
    before = {file.name: file.read_bytes() for file in folder.glob("*.wav")}
    (tmp_path / "samples" / "a.wav").rename(tmp_path / "samples" / "deep" / "b.wav")
    follow(opened)
    opened.mark("deep/b.wav", stars=5)
    assert count_new(opened, folder, trash, stars=4) == 0
    collect_starred(opened, folder, trash, stars=4)
    assert {file.name: file.read_bytes() for file in folder.glob("*.wav")} == before
    assert not trash.exists()


def test_new_is_what_was_never_collected(opened, tmp_path):
    folder, trash = tmp_path / "datasets" / "taste", tmp_path / "trash"

    def new():
        return count_new(opened, folder, trash, stars=4)

    assert new() == 0
    opened.mark("Tight Hat.wav", stars=4)  # there twice, and one sound
    opened.mark("a.wav", stars=4)
    opened.mark("deep/a.wav", stars=3)
    assert new() == 2
    collect_starred(opened, folder, trash, stars=4)
    assert new() == 0
    opened.mark("a.wav", stars=2)
    collect_starred(opened, folder, trash, stars=4)
    assert [file.suffix for file in (trash / "taste").iterdir()] == [".wav"]
    opened.mark("a.wav", stars=5)
    assert new() == 0
    opened.mark("deep/a.wav", stars=4)
    assert new() == 1


def test_copies_that_no_table_names_are_still_new(opened, tmp_path):
    folder, trash = tmp_path / "datasets" / "taste", tmp_path / "trash"
    opened.mark("a.wav", stars=4)
    collect_starred(opened, folder, trash, stars=4)
    (folder / "metadata.csv").unlink()  # as if the disk had been full, or the power gone
    assert count_new(opened, folder, trash, stars=4) == 1
    assert collect_starred(opened, folder, trash, stars=4) == 1
    assert len(list(folder.glob("*.wav"))) == 1


def test_what_somebody_wrote_about_files_of_their_own_stays(opened, tmp_path):
    folder, trash = tmp_path / "datasets" / "taste", tmp_path / "trash"
    folder.mkdir(parents=True)
    (folder / "mine.wav").write_bytes(foreign(100))
    theirs = "file_name,text,mood\nmine.wav,my own clap,sad\n"
    (folder / "metadata.csv").write_text(theirs)
    opened.mark("a.wav", stars=4)
    for _ in range(2):
        collect_starred(opened, folder, trash, stars=4)
    assert {file.caption for file in read_dataset(folder).files} == {"dark kick", "my own clap"}
    (kept,) = (trash / "taste").iterdir()
    assert kept.read_text() == theirs
    (folder / "metadata.csv").write_bytes(b"\xff\xfe\x00")
    collect_starred(opened, folder, trash, stars=4)
    assert (trash / "taste" / "metadata-2.csv").read_bytes() == b"\xff\xfe\x00"


def test_a_name_that_is_as_long_as_can_be_is_cut(opened, tmp_path):
    name = f"{'к' * 125}.wav"
    (tmp_path / "samples" / name).write_bytes(foreign(200))
    follow(opened)
    opened.mark(name, stars=5)
    folder = tmp_path / "datasets" / "taste"
    assert collect_starred(opened, folder, tmp_path / "trash", stars=4) == 1
    (copy,) = folder.glob("*.wav")
    assert copy.name.startswith("ккк")
    assert count_new(opened, folder, tmp_path / "trash", stars=4) == 0
