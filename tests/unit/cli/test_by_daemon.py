"""Rendering by a daemon: what is asked for, and that no job is left behind."""

from collections.abc import Iterator
from typing import Any

import pytest

from oneshot_server.cli.by_daemon import (
    daemon_of,
    follow,
    render_by_daemon,
    request_to_keys,
    request_to_message,
)
from oneshot_server.client import Oneshot
from oneshot_server.domain.events import Cancelled, Done, JobEvent, Progress, SamplePublished
from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.domain.reshape import Inpaint, Morph, Reshape, Vary
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings
from oneshot_server.transports.osc.decode import Message as OscMessage
from oneshot_server.transports.osc.parse import parse
from oneshot_server.transports.osc.reshape_requests import parsed_to_reshape
from tests.unit.client.lossy import Served, served

WHOLE = GenerateRequest(
    prompt="kick",
    negative="noisy",
    count=2,
    seed=7,
    steps=10,
    guidance=2.5,
    sampler="lcm",
    quality="best",
    seconds=0.5,
    tune=-2.0,
    level=-3.0,
    width=0.5,
    walk=4,
    loras=(LoraWeight(name="a", weight=0.5), LoraWeight(name="b", weight=1, version=3)),
)


@pytest.fixture
def daemon() -> Iterator[Served]:
    with served() as daemon:
        yield daemon


def test_a_request_becomes_the_keys_of_generate() -> None:
    assert request_to_keys(WHOLE) == {
        "count": 2,
        "seed": 7,
        "steps": 10,
        "guidance": 2.5,
        "sampler": "lcm",
        "quality": "best",
        "negative": "noisy",
        "lora": "a:0.5,b@3:1",
        "seconds": 0.5,
        "tune": -2.0,
        "level": -3.0,
        "width": 0.5,
        "walk": 4,
    }
    assert request_to_keys(GenerateRequest(prompt="kick")) == {"count": 1, "seed": 0}


def test_what_reaches_the_daemon_is_the_request(daemon: Served) -> None:
    events: list[JobEvent] = []
    with Oneshot(port=daemon.port) as oneshot:
        render_by_daemon(oneshot, WHOLE, events.append)
    assert daemon.core.submitted == [WHOLE]
    assert [type(event) for event in events[1:]] == [
        Progress,
        SamplePublished,
        SamplePublished,
        Done,
    ]


@pytest.mark.parametrize(
    ("reshape", "files", "address"),
    [
        (Vary(strength=0.3), ("/a.wav",), "/oneshot/vary"),
        (Morph(t=0.5), ("/a.wav", "/b.wav"), "/oneshot/morph"),
        (Inpaint(keep="tail"), ("/a.wav",), "/oneshot/inpaint"),
    ],
)
@pytest.mark.parametrize("prompt", ["", "zap"])
def test_what_is_made_of_sounds_is_what_the_daemon_understands(
    reshape: Reshape, files: tuple[str, ...], address: str, prompt: str
) -> None:
    request = GenerateRequest(
        prompt=prompt, count=2, seed=7, tune=-3.0, reshape=reshape, parent_files=files
    )
    sent, arguments = request_to_message(request)
    assert sent == address
    parsed = parse(OscMessage(address=sent, arguments=("own", *arguments)))
    assert parsed_to_reshape(parsed) == request


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_whatever_interrupts_cancels_the_job(
    daemon: Served, interruption: type[BaseException]
) -> None:
    def interrupted(event: JobEvent) -> None:
        if isinstance(event, SamplePublished):
            raise interruption

    with Oneshot(port=daemon.port) as oneshot:
        job = oneshot.generate("endless kick")
        with pytest.raises(interruption):
            follow(job, interrupted)
        assert isinstance(list(job.events())[-1], Cancelled)


@pytest.mark.parametrize("address", [("127.0.0.1", 0), ("256.1.1.1..x", 9330)])
def test_a_daemon_that_cannot_be_reached_is_none(tmp_path: Any, address: tuple[str, int]) -> None:
    home = Home(tmp_path)
    with home.lock(address), daemon_of(home, Settings()) as found:
        assert found is None


def test_the_daemon_of_a_home_is_found(daemon: Served, tmp_path: Any) -> None:
    home = Home(tmp_path)
    with daemon_of(home, Settings()) as found:
        assert found is None
    with home.lock(("0.0.0.0", daemon.port)), daemon_of(home, Settings()) as found:
        assert found is not None
