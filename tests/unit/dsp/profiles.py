"""A profile and a few signals that the tests share."""

import math
from pathlib import Path

import torch
from msgspec import structs

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.settings import find_profile

PROFILE = MelProfile(
    name="test",
    sample_rate=44_100,
    n_fft=2048,
    window=1024,
    hop=256,
    mels=128,
    frames=128,
    f_min=20.0,
    f_max=20_000.0,
    range_db=80.0,
)


def sine(hertz: float, *, seconds: float, rate: int = PROFILE.sample_rate) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def decaying(hertz: float, *, t60: float, seconds: float) -> torch.Tensor:
    time = torch.arange(round(seconds * PROFILE.sample_rate)) / PROFILE.sample_rate
    return torch.exp(-6.91 * time / t60) * sine(hertz, seconds=seconds)


def built_in(name: str, **changes: object) -> MelProfile:
    return structs.replace(find_profile(name, Path("none")), **changes)
