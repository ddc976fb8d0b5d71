"""Stars given by OSC become the LoRA taste by themselves: the real daemon, trainer and library."""

import shutil

import pytest

from oneshot_server.library.lora_store import LoraStore
from tests.integration.live_daemon import PATIENCE_SECONDS, live_daemon
from tests.unit.pipeline.tiny_model import write_tiny_model
from tests.unit.training.making import write_hit

EVERY = 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def home(tmp_path):
    lines = ["[training]", "steps = 8", "batch = 4", "settle_seconds = 0.5"]
    (tmp_path / "config.toml").write_text("\n".join([*lines, f"taste_every = {EVERY}"]))
    for number in range(10):
        write_hit(tmp_path / "samples" / f"kick_{number}.wav", 60.0 * 1.3**number)
    return tmp_path


def star(client, *numbers, stars=5):
    for number in numbers:
        client.send("/oneshot/star", f"star {number}", f"kick_{number}.wav", stars)
        until(client, "/oneshot/ok")


def until(client, address):
    """Everything up to the first event with the address."""
    received = []
    while not received or received[-1][0] != address:
        event = client.receive(PATIENCE_SECONDS)
        assert event is not None, f"nothing more came after {received}"
        assert event[0] != "/oneshot/error", event
        received.append(event)
    return received


def begin(client):
    client.send("/oneshot/hello", "hello", client.port)
    until(client, "/oneshot/welcome")


def whole_training(client):
    """The events of the next training; returns why it began."""
    events = until(client, "/oneshot/done")
    jobs = {arguments[0] for _, arguments in events}
    assert len(jobs) == 1, events
    assert sum(address == "/oneshot/accepted" for address, _ in events) == 1
    (why,) = [args[2] for address, args in events if args[1] == "stars"]
    return why


@pytest.mark.parametrize("automatic", [True, False])
def test_stars_train_and_the_same_stars_do_not_train_again(tiny, home, automatic):
    config = home / "config.toml"
    config.write_text(f"{config.read_text()}\nautomatic = {str(automatic).lower()}")
    store = LoraStore(home / "loras")
    with live_daemon(home, "--model", str(tiny)) as daemon, daemon.client() as client:
        begin(client)
        star(client, 0, 1, 2)
        why = whole_training(client)
        assert why == "3 more sounds have 4 stars or more: taste is trained on all 3"
        star(client, 0, stars=0)
        shutil.move(home / "samples" / "kick_1.wav", home / "samples" / "moved.wav")
        star(client, 0, 3, 4)
    with live_daemon(home, "--model", str(tiny)) as daemon, daemon.client() as client:
        begin(client)
        star(client, 5)
        why = whole_training(client)
        assert why == "3 more sounds have 4 stars or more: taste is trained on all 6"
    assert [card.sounds for card in store.versions("taste")] == [3, 6]
