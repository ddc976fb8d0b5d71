from pathlib import Path
from types import SimpleNamespace

import pytest

from oneshot_server.domain.core import Core
from oneshot_server.domain.events import Accepted, Cancelled, EngineState
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.errors import BadArgumentsError, NotInThisVersionError
from oneshot_server.jobs import core as module
from oneshot_server.jobs.core import OneshotCore
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.library.database import open_database
from tests.unit.jobs.fakes import FakePublisher, FakeRenderer


@pytest.fixture
def core(tmp_path: Path) -> Core:
    bus, journal = EventBus(), Journal(open_database(":memory:"))
    queue = JobQueue(
        renderer=FakeRenderer(),
        journal=journal,
        publisher=FakePublisher(tmp_path),
        bus=bus,
        limit=9,
    )
    return OneshotCore(
        queue=queue,
        journal=journal,
        engine=SimpleNamespace(state=EngineState.READY, device="cpu", model="starter"),
        bus=bus,
        folders={kind: tmp_path / kind for kind in ("loras", "datasets", "models")},
    )


def kick() -> GenerateRequest:
    return GenerateRequest(prompt="kick")


def test_the_sub_folders_of_the_home_are_listed(core, tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / "datasets" / name).mkdir(parents=True)
    (tmp_path / "datasets" / "file").touch()
    assert [item.name for item in core.list_items("datasets")] == ["a", "b"]
    assert core.list_items("loras") == []


def test_a_folder_without_a_card_is_no_model(core, tmp_path):
    for name in ("mine", "rubbish"):
        (tmp_path / "models" / name).mkdir(parents=True)
    (tmp_path / "models" / "mine" / "oneshot.json").touch()
    assert [item.name for item in core.list_items("models")] == ["starter", "mine"]


@pytest.mark.parametrize("what", ["pads", "kits", "midi_ports"])
def test_lists_of_later_versions_are_known(core, what):
    with pytest.raises(NotInThisVersionError, match=what):
        core.list_items(what)


def test_an_unknown_list_is_answered_with_the_known_ones(core):
    with pytest.raises(BadArgumentsError, match='what = "x", expected one of datasets, kits'):
        core.list_items("x")


def test_loras_are_not_rendered_yet(core):
    request = GenerateRequest(prompt="kick", loras=(LoraWeight(name="a", weight=1),))
    with pytest.raises(NotInThisVersionError, match="lora"):
        core.submit(request)


def test_jobs_that_ended_long_ago_are_forgotten_and_those_that_wait_are_not(core, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED_JOBS", 2)
    _running, waiting = core.submit(kick()), core.submit(kick())
    ended = [core.submit(kick()) for _ in range(4)]
    for job in ended:
        core.cancel(job)
    assert core.history(waiting) == (Accepted(job=waiting),)
    assert [core.history(job)[-1:] for job in ended] == [
        (),
        (),
        *[(Cancelled(job=job),) for job in ended[2:]],
    ]
