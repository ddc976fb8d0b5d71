import csv

import pytest

from oneshot_server.domain.library import Query
from oneshot_server.errors import ForbiddenError
from oneshot_server.library.dataset_folder import read_dataset
from oneshot_server.library.export import export
from tests.unit.library.sounds import follow, foreign, library, render


@pytest.fixture
def samples(tmp_path):
    (tmp_path / "samples" / "deep").mkdir(parents=True)
    return tmp_path / "samples"


def test_an_export_has_the_files_and_a_table_and_is_a_dataset(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1, "dark kick"))
    (samples / "deep" / "a.wav").write_bytes(render(2, "dark snare"))
    (samples / "TightHat.wav").write_bytes(foreign(3000))
    with library(tmp_path) as opened:
        opened.mark("a.wav", stars=4, tags=["dusty"])
        follow(opened)
        assert export(opened.every(Query(sort="oldest")), opened, tmp_path / "pack") == 3
    rows = list(
        csv.DictReader((tmp_path / "pack" / "metadata.csv").read_text("utf-8").splitlines())
    )
    about = {row["text"]: row for row in rows}
    assert about["dark kick dusty"]["stars"] == "4"
    assert {row["file_name"] for row in rows} == {"a.wav", "a-2.wav", "TightHat.wav"}
    captions = {file.caption for file in read_dataset(tmp_path / "pack").files}
    assert captions == {"dark kick dusty", "dark snare", "closed hat tight"}


def test_an_export_never_mixes_with_what_is_there(tmp_path, samples):
    (samples / "a.wav").write_bytes(render(1))
    (tmp_path / "pack").mkdir()
    with library(tmp_path) as opened:
        follow(opened)
        export(opened.every(Query()), opened, tmp_path / "pack")
        with pytest.raises(ForbiddenError, match="not empty"):
            export(opened.every(Query()), opened, tmp_path / "pack")
        (tmp_path / "file").touch()
        with pytest.raises(ForbiddenError):
            export(opened.every(Query()), opened, tmp_path / "file")
    assert sorted(path.name for path in tmp_path.glob(".*")) == []
