"""A model with a second UNet behind the real daemon: quick, best, and drafts made better."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oneshot_server.domain.library import Mark
from oneshot_server.library.wav_metadata import mark_wav, read_mark, read_recipe
from oneshot_server.pipeline.model_folder import CARD_FILE, STARTER, read_card, write_sums
from tests.integration.live_daemon import ONESHOT, LiveDaemon, events_of, live_daemon

STEPS = 4


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDaemon]:
    """It plays the starter, whose UNet stands in for one that was distilled from it."""
    home = tmp_path_factory.mktemp("home")
    model = shutil.copytree(STARTER, home / "models" / "few")
    shutil.copytree(model / "unet", model / "unet_distilled", dirs_exist_ok=True)
    card = json.loads((model / CARD_FILE).read_bytes())
    card |= {"name": "few", "distilled_steps": STEPS}
    (model / CARD_FILE).write_text(json.dumps(card))
    write_sums(model)
    with live_daemon(home, "--model", "few") as running:
        yield running


def sound(client, own: str, *keys: str | int) -> Path:
    client.send("/oneshot/generate", own, "punchy kick", "seed", 11, *keys)
    events = events_of(client, own)
    assert events[-1][0] == "/oneshot/done", events
    ((*_, path, _, _, draft),) = (a for at, a in events if at == "/oneshot/sample")
    assert draft == 0
    return Path(str(path))


def sampling(path: Path) -> tuple[str, int, float]:
    recipe = read_recipe(path)
    return recipe.sampler, recipe.steps, recipe.guidance


def test_a_draft_comes_first_and_then_the_best_one_with_the_stars_of_the_draft(daemon):
    card = read_card(STARTER)
    with daemon.client() as client:
        best = sound(client, "b", "quality", "best")
        client.send(
            "/oneshot/generate", "d", "punchy kick", "seed", 11, "quality", "draft-then-best"
        )
        told = []
        while not told or told[-1][0] != "/oneshot/sample":
            told.append(client.receive(60))
        _, index, path, seed, _, draft = told[-1][1]
        assert (index, seed, draft) == (0, 11, 1)
        assert sampling(Path(path)) == ("distilled", STEPS, 1.0)
        client.send("/oneshot/star", "s", path, 4)
        while told[-1][0] != "/oneshot/done":
            told.append(client.receive(60))
    (better,) = (arguments for address, arguments in told if address == "/oneshot/sample/better")
    assert better[1:4] == (0, path, 11)
    assert ("/oneshot/ok", ("s",)) in told
    assert sampling(Path(path)) == (card.sampler, card.steps, card.guidance)
    with Path(path).open("rb") as file:
        assert read_mark(file) == Mark(stars=4)
    assert mark_wav(Path(path).read_bytes(), Mark()) == best.read_bytes()


def test_quick_sounds_are_made_again_to_the_byte(daemon, tmp_path):
    with daemon.client() as client:
        path = sound(client, "q")
    assert sampling(path) == ("distilled", STEPS, 1.0)
    command = [*ONESHOT, "render", "--like", str(path), "--out", str(tmp_path)]
    subprocess.run([*command, "--home", str(daemon.home)], check=True)
    (again,) = tmp_path.glob("*.wav")
    assert again.read_bytes() == path.read_bytes()


def test_other_steps_than_it_has_are_refused_with_those_that_it_has(daemon):
    with daemon.client() as client:
        client.send("/oneshot/generate", "e", "kick", "sampler", "distilled", "steps", 9)
        address, (_, code, text) = events_of(client, "e")[-1]
    assert (address, code) == ("/oneshot/error", "bad_arguments")
    assert "steps = 9 with sampler = distilled, which the model few does in 4 steps" in text
