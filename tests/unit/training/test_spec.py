import msgspec
import pytest

from oneshot_server.errors import BadArgumentsError, ForbiddenError
from oneshot_server.training.spec import MOST_STEPS, TrainingPlan, TrainingSpec


def spec(tmp_path, **changes):
    folders = {"dataset": "/d", "model": "/m", "work": str(tmp_path / "w"), "out": "/o"}
    return TrainingSpec(**{"name": "кик", **folders, **changes})


def test_what_is_written_is_read(tmp_path):
    written = spec(tmp_path, live="/l", parent=3, plan=TrainingPlan(steps=7, targets=("to_q",)))
    assert TrainingSpec.read(written.write()) == written


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{}", b'{"name": 3}'],
)
def test_what_is_no_specification_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "spec.json"
    path.write_bytes(content)
    with pytest.raises(BadArgumentsError, match=r"spec\.json"):
        TrainingSpec.read(path)


def test_a_number_out_of_range_is_refused(tmp_path):
    encoded = msgspec.json.encode(spec(tmp_path)).replace(b'"rank":16', b'"rank":0')
    (tmp_path / "spec.json").write_bytes(encoded)
    with pytest.raises(BadArgumentsError, match="rank"):
        TrainingSpec.read(tmp_path / "spec.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadArgumentsError, match="no specification"):
        TrainingSpec.read(tmp_path / "spec.json")


def test_a_work_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "w").write_text("a file")
    with pytest.raises(ForbiddenError, match="cannot be written"):
        spec(tmp_path).write()


def test_steps_grow_with_the_folder_and_have_an_end():
    plan = TrainingPlan()
    assert plan.steps_for(1) <= plan.steps_for(30) < plan.steps_for(200) <= MOST_STEPS
    assert plan.steps_for(5000) == MOST_STEPS
    assert TrainingPlan(steps=9).steps_for(5000) == 9
