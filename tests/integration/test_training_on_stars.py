"""Stars given by OSC become the LoRA taste by themselves: the real daemon, trainer and library."""

import shutil
import time

import pytest

from oneshot_server.library.lora_store import LoraStore
from tests.integration.live_daemon import live_daemon
from tests.unit.pipeline.tiny_model import write_tiny_model
from tests.unit.training.making import write_hit

EVERY = 3
SOUNDS = 6
PATIENCE_SECONDS = 240
"""Until one training has ended, of which nearly all is spent on importing torch."""
QUIET_SECONDS = 2.0


@pytest.fixture
def home(tmp_path):
    lines = ["[training]", "steps = 4", "batch = 2", "settle_seconds = 0.5"]
    (tmp_path / "config.toml").write_text("\n".join([*lines, f"taste_every = {EVERY}"]))
    for number in range(SOUNDS):
        write_hit(tmp_path / "samples" / f"kick_{number}.wav", 60.0 * 1.5**number)
    return tmp_path


class Listener:
    """A client of the daemon that keeps its lease however long nothing happens."""

    def __init__(self, daemon, client):
        self._daemon = daemon
        self._client = client
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        client.send("/oneshot/hello", "hello", client.port)
        self.until("/oneshot/welcome")

    def star(self, *numbers, stars=5):
        for number in numbers:
            self._client.send("/oneshot/star", f"star {number}", f"kick_{number}.wav", stars)
            self.until("/oneshot/ok")

    def until(self, address, *first):
        """Everything up to the event with the address, and these first arguments."""
        received = []
        while time.monotonic() < self._deadline:
            event = self._client.receive(QUIET_SECONDS)
            if event is None:
                self._client.send("/oneshot/ping", "still here")
            elif event[0] != "/oneshot/pong":
                received.append(event)
                assert event[0] != "/oneshot/error", f"{received}\n{self._daemon.log}"
                if event[0] == address and event[1][: len(first)] == first:
                    return received
        raise AssertionError(f"no {address} after {received}; the log:\n{self._daemon.log}")

    def trained(self):
        """Wait for the next training's end; returns what was told of why it began."""
        job = self.until("/oneshot/accepted")[-1][1][-1]
        told = self.until("/oneshot/done", job)
        assert all(arguments[0] == job for _, arguments in told), told
        notices = [arguments[1:] for kind, arguments in told if kind == "/oneshot/notice"]
        (why,) = [text for code, text in notices if code == "stars"]
        return why


@pytest.mark.timeout(2 * PATIENCE_SECONDS + 120)
def test_stars_train_and_the_same_stars_do_not_train_again(home):
    options = ("--model", str(write_tiny_model(home / "models" / "tiny")))
    with live_daemon(home, *options) as daemon, daemon.client() as client:
        listener = Listener(daemon, client)
        listener.star(0, 1, 2)
        assert listener.trained() == "3 more sounds have 4 stars or more: taste is trained on all 3"
        listener.star(0, stars=0)
        shutil.move(home / "samples" / "kick_1.wav", home / "samples" / "moved.wav")
        listener.star(0, 3, 4)  # of which one was trained on
    with live_daemon(home, *options) as daemon, daemon.client() as client:
        listener = Listener(daemon, client)
        listener.star(5)
        assert listener.trained() == "3 more sounds have 4 stars or more: taste is trained on all 6"
    assert [card.sounds for card in LoraStore(home / "loras").versions("taste")] == [3, 6]
