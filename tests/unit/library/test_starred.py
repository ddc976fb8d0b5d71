import pytest

from oneshot_server.library.dataset_folder import read_dataset
from oneshot_server.library.starred import collect_starred
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
