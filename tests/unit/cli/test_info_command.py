"""``oneshot info``: what a producer, and a program, reads of a file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from oneshot_server.cli import app
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.domain.recipe import Recipe
from oneshot_server.domain.requests import Batch, LoraWeight
from oneshot_server.domain.reshape import Inpaint, Morph, Parent, Reshape, Vary
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed

RECIPE = Recipe(
    prompt="punchy kick",
    caption="kick punchy short",
    negative="",
    seed=7,
    steps=20,
    guidance=2.5,
    sampler="dpmpp-2m",
    loras=(LoraWeight(name="mine", weight=0.8),),
    model="starter",
    model_hash="ab" * 32,
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
    finish=FinishOptions(),
    subtype="PCM_24",
    software="oneshot-server 0.1.0",
    platform="torch 2.14.1, cpu, 2 threads",
)
A, B = Parent(name="a.wav", sha256="a" * 64), Parent(name="b.wav", sha256="b" * 64)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "kick_7.wav"
    path.write_bytes(embed(encode_wav(np.zeros(100), 44100, "PCM_24"), RECIPE))
    return path


def test_a_sound_tells_how_it_was_made(sound: Path) -> None:
    result = CliRunner().invoke(app, ["info", str(sound)])
    assert result.exit_code == 0
    for word in ("punchy kick", "kick punchy short", "mine:0.8", "20 steps", "sound 2 of 3"):
        assert word in result.stdout
    assert f'oneshot render --like "{sound}"' in result.stdout
    assert "negative" not in result.stdout


@pytest.mark.parametrize(
    ("reshape", "says"),
    [
        (Vary(strength=0.5, parents=(A,)), "from     a.wav aaaaaaaaaaaa, varied at 0.5"),
        (
            Morph(t=0.25, parents=(A, B)),
            "a.wav aaaaaaaaaaaa and b.wav bbbbbbbbbbbb, morphed at 0.25",
        ),
        (Inpaint(keep="tail", parents=(A,)), "its tail kept, split at 0.05 s"),
    ],
)
def test_a_sound_tells_what_it_was_made_from(sound: Path, reshape: Reshape, says: str) -> None:
    recipe = replace(RECIPE, reshape=reshape)
    sound.write_bytes(embed(encode_wav(np.zeros(100), 44100, "PCM_24"), recipe))
    assert says in CliRunner().invoke(app, ["info", str(sound)]).stdout
    told = json.loads(CliRunner().invoke(app, ["info", "--json", str(sound)]).stdout)
    assert told["recipe"]["reshape"]["parents"][0] == {"name": "a.wav", "sha256": "a" * 64}


@pytest.mark.parametrize(
    ("finish", "says"),
    [
        (FinishOptions(), "44100 Hz, mono"),
        (FinishOptions(sample_rate=48_000, width=0.5), "48000 Hz, stereo, width 0.5"),
    ],
)
def test_a_sound_tells_its_rate_and_channels(sound: Path, finish: FinishOptions, says: str) -> None:
    recipe = replace(RECIPE, finish=finish)
    sound.write_bytes(embed(encode_wav(np.zeros(100), 44100, "PCM_24"), recipe))
    assert says in CliRunner().invoke(app, ["info", str(sound)]).stdout


def test_a_sound_tells_versions_and_how_near_it_is_to_a_training_sound(sound: Path) -> None:
    recipe = replace(
        RECIPE,
        loras=(LoraWeight(name="my kicks", weight=-0.5, version=3),),
        nearest_db=1.25,
        near_copy=True,
    )
    sound.write_bytes(embed(encode_wav(np.zeros(100), 44100, "PCM_24"), recipe))
    result = CliRunner().invoke(app, ["info", str(sound)])
    assert "my kicks@3:-0.5" in result.stdout
    assert "1.25 dB from a sound that a LoRA was trained on, a near copy" in result.stdout
    sound.write_bytes(
        embed(encode_wav(np.zeros(100), 44100, "PCM_24"), replace(recipe, near_copy=False))
    )
    assert "near copy" not in CliRunner().invoke(app, ["info", str(sound)]).stdout


def test_json_is_one_object_a_file(sound: Path) -> None:
    result = CliRunner().invoke(app, ["info", "--json", str(sound), str(sound)])
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == second
    assert first["path"] == str(sound)
    assert first["recipe"]["seed"] == 7
    assert first["recipe"]["batch"] == {"seeds": [6, 7, 8], "index": 1}


def test_a_file_without_a_recipe_is_told_and_the_others_still_shown(
    sound: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.wav"
    plain.write_bytes(encode_wav(np.zeros(100), 44100, "PCM_24"))
    result = CliRunner().invoke(app, ["info", str(plain), "nowhere.wav", str(sound)])
    assert result.exit_code == 1
    assert "punchy kick" in result.stdout
    assert f"oneshot: {plain}: no recipe inside" in result.stderr
    assert "oneshot: nowhere.wav: No such file" in result.stderr


def test_a_strangers_prompt_cannot_command_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "evil.wav"
    recipe = replace(RECIPE, prompt="\x1b]0;gotcha\x07\x1b[2Jkick\rfake")
    path.write_bytes(embed(encode_wav(np.zeros(100), 44100, "PCM_24"), recipe))
    for options in ([], ["--json"]):
        result = CliRunner().invoke(app, ["info", str(path), *options])
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
        assert "\r" not in result.stdout
