"""``oneshot render``: who renders, what is asked for, and what is told."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import structlog
from typer.testing import CliRunner, Result

from oneshot_server.cli import app, by_daemon, rendering
from oneshot_server.cli import replay as replaying
from oneshot_server.client import Oneshot
from oneshot_server.domain.events import (
    Accepted,
    Done,
    Failed,
    JobEvent,
    JobId,
    Notice,
    NoticeCode,
    Progress,
    SamplePublished,
)
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.requests import Batch, GenerateRequest, LoraWeight
from oneshot_server.domain.reshape import Inpaint, Morph, Parent, Reshape, Vary
from oneshot_server.errors import ErrorCode, NotFoundError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.home import Home
from oneshot_server.library.samples_folder import SamplesFolder
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from oneshot_server.pipeline import model_folder
from oneshot_server.settings import Settings

# Nothing here may render for real, or touch the producer's home.
pytestmark = pytest.mark.usefixtures("engine", "home")

JOB = JobId("j1")
HASH = "ab" * 32
ADAPTER = b"weights of a LoRA"
ADAPTER_HASH = hashlib.sha256(ADAPTER).hexdigest()
RECIPE = Recipe(
    prompt="punchy kick",
    caption="kick punchy short",
    negative="noisy",
    seed=7,
    steps=20,
    guidance=2.5,
    sampler="dpmpp-2m",
    loras=(LoraWeight(name="mine", weight=0.8, version=3),),
    lora_hashes=(ADAPTER_HASH,),
    model="starter",
    model_hash=HASH,
    profile=MelProfile(
        name="starter-256",
        sample_rate=44100,
        n_fft=2048,
        window=1024,
        hop=256,
        mels=128,
        frames=256,
        f_min=20.0,
        f_max=20000.0,
        range_db=80.0,
    ),
    batch=Batch(seeds=(6, 7, 8), index=1),
    finish=FinishOptions(level="lufs", lufs=-20.0),
    subtype="PCM_16",
    software="oneshot-server 0.1.0",
    platform="torch 2.14.1, cpu, 2 threads",
)
WAV = embed(encode_wav(np.zeros(100), 44100, "PCM_16"), RECIPE)


class Engine:
    """In place of ``app.render_locally``: remembers what it is asked, publishes what it is told."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.wav = WAV
        self.before: list[JobEvent] = []
        self.end: JobEvent | None = None
        self.error: Exception | None = None

    async def __call__(
        self,
        requests: Sequence[GenerateRequest],
        settings: Settings,
        folder: Path,
        on_event: Callable[[JobEvent], None],
        **options: object,
    ) -> None:
        (request,) = requests
        self.calls.append({"request": request, "settings": settings, "folder": folder, **options})
        structlog.get_logger().info("what must not be among the paths")
        if self.error:
            raise self.error
        samples = SamplesFolder(folder)
        on_event(Accepted(job=JOB))
        for event in self.before:
            on_event(event)
        if self.end is not None:
            on_event(self.end)
            return
        for index in range(request.count):
            seed = request.seed_of(index)
            path = samples.publish(self.wav, samples.name_for(request.title, seed))
            on_event(SamplePublished(job=JOB, index=index, path=str(path), seed=seed, seconds=0.25))
        on_event(Done(job=JOB, count=request.count, milliseconds=900))

    @property
    def request(self) -> GenerateRequest:
        request = self.calls[-1]["request"]
        assert isinstance(request, GenerateRequest)
        return request


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(rendering.app, "render_locally", engine)
    return engine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("ONESHOT_HOME", str(home.root))
    return home


def render(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["render", *map(str, arguments)])


def test_without_a_daemon_the_sounds_are_made_here(engine: Engine, home: Home) -> None:
    result = render("punchy", "kick", "--count", 2, "--seed", 7)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        str(home.samples / "punchy_kick_7.wav"),
        str(home.samples / "punchy_kick_8.wav"),
    ]
    assert engine.request == GenerateRequest(prompt="punchy kick", count=2, seed=7)
    assert home.config.exists()


def test_all_options_reach_the_request(engine: Engine) -> None:
    options = ("--steps", 9, "--guidance", 1.5, "--negative", "noisy", "--seconds", 0.5)
    options = (*options, "--sampler", "unipc")
    assert render("kick", *options, "--lora", "a:0.5", "--seed", 0).exit_code == 0
    assert engine.request == GenerateRequest(
        prompt="kick",
        negative="noisy",
        seed=0,
        steps=9,
        guidance=1.5,
        sampler="unipc",
        seconds=0.5,
        loras=(LoraWeight(name="a", weight=0.5),),
    )


def test_without_a_seed_each_sound_is_another_one(engine: Engine) -> None:
    for _ in range(2):
        assert render("kick").exit_code == 0
    assert engine.calls[0]["request"].seed != engine.calls[1]["request"].seed


def test_json_is_one_object_a_sound(home: Home) -> None:
    result = render("kick", "--count", 2, "--seed", 7, "--json")
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {
        "path": str(home.samples / "kick_7.wav"),
        "index": 0,
        "seed": 7,
        "seconds": 0.25,
    }
    assert second["seed"] == 8


def test_out_is_made_and_gets_the_files_and_no_home_is_needed(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    assert render("kick", "--seed", 7, "--out", out).stdout.strip() == str(out / "kick_7.wav")
    assert (out / "kick_7.wav").read_bytes() == WAV
    assert not home.root.exists()


def test_remarks_go_to_stderr(engine: Engine, home: Home) -> None:
    engine.before = [
        Progress(job=JOB, fraction=0.5, stage="sampling"),
        Notice(job=JOB, code=NoticeCode.UNKNOWN_WORDS, text="flurb \x1b[2J"),
    ]
    result = render("kick", "--seed", 7)
    assert result.stdout.strip() == str(home.samples / "kick_7.wav")
    assert result.stderr.splitlines() == ["oneshot: unknown words: flurb \\x1b[2J"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--count", 0), ("--count", 65), ("--seed", -1), ("--seed", 2**31), ("--steps", 201)),
        *(("--guidance", "nan"), ("--seconds", 31), ("--seconds", "x"), ("--lora", "a:9")),
    ],
)
def test_a_value_out_of_range_is_refused_before_anything_is_loaded(
    option: str, value: object, engine: Engine, home: Home
) -> None:
    result = render("kick", option, value)
    assert result.exit_code in (1, 2)
    assert option.removeprefix("--") in result.stderr
    assert not engine.calls
    assert not home.root.exists()


@pytest.mark.parametrize("prompt", [[], [""], ["  "], ["x" * 501], ["\udc80"]])
def test_no_prompt_or_a_strange_one_is_refused_in_one_line(prompt: list[str]) -> None:
    result = render(*prompt)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "prompt" in result.stderr


def test_a_job_that_fails_is_one_line_and_1(engine: Engine) -> None:
    engine.end = Failed(job=JOB, code=ErrorCode.ENGINE_FAILED, text="sound 0 was silent")
    result = render("kick")
    assert result.exit_code == 1
    assert result.stderr == "oneshot: sound 0 was silent\n"
    assert result.stdout == ""


def test_a_model_that_is_not_there_is_one_line_and_1(engine: Engine) -> None:
    engine.error = NotFoundError('model "none" not found')
    result = render("kick", "--model", "none")
    assert result.exit_code == 1
    assert result.stderr == 'oneshot: model "none" not found\n'
    assert engine.calls[0]["settings"].engine.model == "none"


def test_a_broken_config_ends_with_2(home: Home) -> None:
    home.create()
    home.config.write_text('[osc]\nport = "abc"', encoding="utf-8")
    result = render("kick")
    assert result.exit_code == 2
    assert result.stderr == (
        f'oneshot: {home.config}: osc.port = "abc", expected an int from 1 to 65535\n'
    )


class FakeClient:
    """In place of ``Oneshot``; the sounds come from a patched function."""

    opened: tuple[str, int] | None = None
    there = True

    def __init__(self, host: str, port: int) -> None:
        FakeClient.opened = host, port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def answers(self) -> bool:
        return self.there


@pytest.fixture
def daemon(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[GenerateRequest]]:
    """A daemon that holds the home and answers; its requests."""
    requests: list[GenerateRequest] = []

    def render_it(
        _: Oneshot, request: GenerateRequest, listener: Callable[[JobEvent], None]
    ) -> None:
        requests.append(request)
        path = home.samples / "kick_7.wav"
        path.write_bytes(WAV)
        listener(SamplePublished(job=JOB, index=0, path=str(path), seed=7, seconds=0.25))

    monkeypatch.setattr(by_daemon, "Oneshot", FakeClient)
    monkeypatch.setattr(rendering, "render_by_daemon", render_it)
    home.create()
    with home.lock(("0.0.0.0", 9400)):
        yield requests


def test_a_running_daemon_renders(
    daemon: list[GenerateRequest], engine: Engine, home: Home
) -> None:
    result = render("kick", "--seed", 7)
    assert result.stdout.strip() == str(home.samples / "kick_7.wav")
    assert daemon == [GenerateRequest(prompt="kick", seed=7)]
    assert not engine.calls
    assert FakeClient.opened == ("127.0.0.1", 9400)


@pytest.mark.usefixtures("daemon")
def test_the_daemons_sounds_are_copied_to_out(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("kick_7.wav", "kick_7-2.wav"):
        assert render("kick", "--seed", 7, "--out", out).stdout.strip() == str(out / name)
        assert (out / name).read_bytes() == WAV
    assert (home.samples / "kick_7.wav").exists()


def test_a_daemon_that_does_not_answer_is_not_waited_for(
    daemon: list[GenerateRequest], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeClient, "there", False)
    assert render("kick").exit_code == 0
    assert engine.calls
    assert not daemon


def test_another_model_than_the_daemons_is_rendered_here(
    daemon: list[GenerateRequest], engine: Engine
) -> None:
    assert render("kick", "--model", "mine").exit_code == 0
    assert engine.calls
    assert not daemon


@pytest.fixture
def sounds(home: Home, tmp_path: Path) -> tuple[Path, Path]:
    """One in the samples, and one that no client may name."""
    home.create()
    inside, outside = home.samples / "kick_3.wav", tmp_path / "snare.wav"
    for path in (inside, outside):
        path.write_bytes(WAV)
    return inside, outside


@pytest.mark.parametrize(
    ("options", "reshape", "takes"),
    [
        (["--vary", "{0}"], Vary(strength=0.5), 1),
        (["--vary", "{0}", "--strength", 0], Vary(strength=0.0), 1),
        (["--morph", "{0}", "{1}", "--t", 0.25], Morph(t=0.25), 2),
        (["--inpaint", "{0}"], Inpaint(keep="attack"), 1),
        (
            ["--inpaint", "{0}", "--keep", "tail", "--split", 0.1],
            Inpaint(keep="tail", split=0.1),
            1,
        ),
    ],
)
def test_sounds_are_made_of_sounds(
    options: list[object],
    reshape: Reshape,
    takes: int,
    engine: Engine,
    sounds: tuple[Path, Path],
) -> None:
    result = render(*(str(option).format(*sounds) for option in options), "--seed", 7)
    assert result.exit_code == 0, result.output
    assert engine.request == GenerateRequest(
        prompt="", seed=7, reshape=reshape, parent_files=tuple(map(str, sounds[:takes]))
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--vary", "{0}", "--inpaint", "{0}"], "--vary and --inpaint: expected one of them"),
        (["--strength", 0.5, "kick"], "--strength came without --vary"),
        (["--vary", "{0}", "--t", 0.5], "--t came without --morph"),
        (["--inpaint", "{0}", "--keep", "middle"], "keep = 'middle', expected attack or tail"),
        (["--vary", "{0}.none"], "no such file"),
        (["--vary", "/"], "is no file, expected a sound"),
        (["--like", "{0}", "--vary", "{0}"], "--like takes all from the file"),
        ([], "prompt has 0 characters"),
    ],
)
def test_what_cannot_be_made_of_sounds_is_said_before_anything_is_loaded(
    options: list[object], says: str, engine: Engine, sounds: tuple[Path, Path]
) -> None:
    result = render(*(str(option).format(*sounds) for option in options))
    assert result.exit_code == 1
    assert says in result.stderr
    assert not engine.calls


def test_the_daemon_makes_what_it_may_read_and_the_rest_is_made_here(
    daemon: list[GenerateRequest], engine: Engine, sounds: tuple[Path, Path]
) -> None:
    inside, outside = sounds
    assert render("--vary", inside, "--seed", 7).exit_code == 0
    assert [request.parent_files for request in daemon] == [(str(inside),)]
    assert not engine.calls
    assert render("--vary", outside, "--seed", 7).exit_code == 0
    assert render("--morph", inside, outside, "--seed", 7).exit_code == 0
    assert len(daemon) == 1
    assert len(engine.calls) == 2


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file made with the model and the LoRA that are there."""

    class Store:
        def __init__(self, _root: Path) -> None:
            pass

        def adapter(self, name: str, version: int) -> Path:
            path = tmp_path / f"{name}@{version}"
            if not path.exists():
                raise NotFoundError(f"no {name}")
            return path

    (tmp_path / "mine@3").write_bytes(ADAPTER)
    monkeypatch.setattr(replaying, "LoraStore", Store)
    monkeypatch.setattr(model_folder, "find_model", lambda name, _: Path(name))
    monkeypatch.setattr(model_folder, "hash_model", lambda _: HASH)
    path = tmp_path / "original.wav"
    path.write_bytes(WAV)
    return path


def test_like_asks_for_the_same_sound_of_the_same_batch(engine: Engine, original: Path) -> None:
    result = render("--like", original)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert engine.request == GenerateRequest(
        prompt="punchy kick",
        negative="noisy",
        seed=7,
        steps=20,
        guidance=2.5,
        sampler="dpmpp-2m",
        loras=RECIPE.loras,
        replay=RECIPE.batch,
    )
    call = engine.calls[0]
    assert call["finish"] == RECIPE.finish
    assert call["subtype"] == "PCM_16"
    assert call["settings"].engine.model == "starter"


def test_like_is_rendered_here_even_if_a_daemon_runs(
    daemon: list[GenerateRequest], engine: Engine, original: Path
) -> None:
    assert render("--like", original).exit_code == 0
    assert engine.calls
    assert not daemon


def test_like_refuses_another_model_with_both_hashes(
    engine: Engine, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_folder, "hash_model", lambda _: "cd" * 32)
    result = render("--like", original)
    assert result.exit_code == 1
    assert HASH in result.stderr
    assert "cd" * 32 in result.stderr
    assert not engine.calls


def test_like_refuses_another_lora_with_both_hashes(
    engine: Engine, original: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine@3").write_bytes(b"trained again")
    result = render("--like", original)
    assert result.exit_code == 1
    assert 'with the LoRA "mine"' in result.stderr
    assert ADAPTER_HASH in result.stderr
    assert hashlib.sha256(b"trained again").hexdigest() in result.stderr
    assert not engine.calls


def test_like_says_which_lora_is_not_here(engine: Engine, original: Path, tmp_path: Path) -> None:
    (tmp_path / "mine@3").unlink()
    result = render("--like", original)
    assert result.exit_code == 1
    assert '"mine"' in result.stderr
    assert f"version 3, which is not in {tmp_path / 'home' / 'loras'}" in result.stderr
    assert not engine.calls


@pytest.mark.parametrize("options", [["kick"], ["--seed", 1], ["--count", 1], ["--lora", "a"]])
def test_like_takes_all_from_the_file(
    options: list[object], engine: Engine, original: Path
) -> None:
    result = render("--like", original, *options)
    assert result.exit_code == 1
    assert "--like takes all from the file" in result.stderr
    assert not engine.calls


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (replace(RECIPE, subtype="DOUBLE"), "'DOUBLE', expected one of PCM_16"),
        (replace(RECIPE, model="/etc/model"), "'/etc/model' is a path"),
        (replace(RECIPE, model="..\\model"), "is a path"),
        (replace(RECIPE, model=".."), "is a path"),
        (replace(RECIPE, lora_hashes=()), "0 hashes of 1 LoRAs"),
        (replace(RECIPE, loras=(LoraWeight(name="mine", weight=1),)), "of no version"),
    ],
)
def test_like_does_not_follow_what_a_stranger_makes_up(
    recipe: Recipe, says: str, engine: Engine, original: Path
) -> None:
    original.write_bytes(embed(encode_wav(np.zeros(9), 44100, "PCM_16"), recipe))
    result = render("--like", original)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not engine.calls


def test_like_finds_the_parent_by_its_audio_whatever_it_is_called_now(
    engine: Engine, original: Path, home: Home
) -> None:
    sound = encode_wav(np.linspace(0, 0.5, 50), 44100, "PCM_16")
    parent = Parent(name="was.wav", sha256=hash_audio(BytesIO(sound)), told="kick")
    recipe = replace(RECIPE, prompt="", reshape=Vary(strength=0.5, parents=(parent,)))
    engine.wav = embed(encode_wav(np.zeros(9), 44100, "PCM_16"), recipe)
    original.write_bytes(engine.wav)
    result = render("--like", original)
    assert result.exit_code == 1
    assert f"was made from was.wav, of audio with the SHA-256 {parent.sha256}" in result.stderr
    assert str(home.samples) in result.stderr
    assert not engine.calls
    (home.samples / "mine").mkdir(parents=True)
    moved = home.samples / "mine" / "best kick.wav"
    moved.write_bytes(embed(sound, RECIPE))
    result = render("--like", original)
    assert result.exit_code == 0, result.output
    assert engine.request.reshape == recipe.reshape
    assert engine.request.parent_files == (str(moved),)


def test_like_says_why_the_bytes_differ(engine: Engine, original: Path) -> None:
    elsewhere = replace(RECIPE, platform="torch 2.14.1, cuda, 8 threads")
    engine.wav = embed(encode_wav(np.zeros(100), 44100, "PCM_16"), elsewhere)
    assert (
        "and now by oneshot-server 0.1.0, torch 2.14.1, cuda" in render("--like", original).stderr
    )
    engine.wav = embed(encode_wav(np.ones(100), 44100, "PCM_16"), RECIPE)
    assert "changed since it was made" in render("--like", original).stderr


def test_like_of_a_file_without_a_recipe_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "plain.wav").write_bytes(encode_wav(np.zeros(9), 44100, "PCM_16"))
    result = render("--like", tmp_path / "plain.wav")
    assert result.exit_code == 1
    assert "plain.wav: no recipe inside" in result.stderr
