"""The autoencoder's way back."""

from dataclasses import replace
from types import SimpleNamespace

import torch

from oneshot_server.dsp.image import mel_to_image
from oneshot_server.pipeline.decoding import FAINT_DB, faint_to_floor, latents_to_mels
from oneshot_server.pipeline.model import load_model
from oneshot_server.pipeline.model_folder import STARTER


def test_only_what_is_faint_falls_and_falls_to_the_floor():
    mel_db = torch.linspace(-80.0, 0.0, 161)[None, None]
    fallen = faint_to_floor(mel_db, 80.0)
    loud = mel_db >= FAINT_DB
    assert torch.equal(fallen[loud], mel_db[loud])
    assert torch.equal(fallen[mel_db <= -72.5], torch.full_like(fallen[mel_db <= -72.5], -80.0))
    assert bool((fallen.diff(dim=2) >= 0.0).all())  # no level overtakes another
    assert bool((fallen <= mel_db).all())


def test_a_short_range_has_nothing_faint():
    mel_db = torch.linspace(-60.0, 0.0, 61)[None, None]
    assert torch.equal(faint_to_floor(mel_db, 60.0), mel_db)


def test_an_error_above_the_floor_is_silence_in_the_mel():
    model = load_model(STARTER, torch.device("cpu"))
    profile = model.card.profile
    mel_db = torch.full((1, profile.mels, profile.frames), -74.0)
    mel_db[:, :, :20] = -10.0
    painted = SimpleNamespace(
        config=SimpleNamespace(scaling_factor=1.0),
        dtype=torch.float32,
        decode=lambda _latents: SimpleNamespace(sample=mel_to_image(mel_db, profile, 1)),
    )
    heard = latents_to_mels(torch.zeros(1, 1, 1, 1), replace(model, vae=painted))
    assert float(heard[:, :, 20:].amax()) == -profile.range_db
    torch.testing.assert_close(heard[:, :, :20], mel_db[:, :, :20])
