"""What stands between a voice and the sample: distortion, tone, room, cheap converters, level."""

from dataclasses import dataclass
from typing import Final

import torch

from oneshot_server.starter.synth import filters
from oneshot_server.starter.synth.oscillators import decay
from oneshot_server.starter.synth.voice import Draws, Grid, Voice

FADE_SECONDS: Final = 0.02
ONSET_DB: Final = -40.0  # of the peak; what is quieter before it is no onset
RUMBLE_HZ: Final = 22.0  # below it there is only offset
DRIVEN: Final = 3.5  # gain into the saturation from which it is heard as distortion
ROOMY: Final = 0.3  # level of the room against the direct sound
ROOM_SECONDS: Final = 0.6


@dataclass(frozen=True, kw_only=True)
class Channel:
    """How often a kind is treated, 0 to 1, and how widely its tone varies.

    Attributes:
        drive: share of the sounds that are driven into saturation.
        room: share that stands in a room.
        lofi: share that goes through cheap converters.
        tilt_db: widest tilt of the spectrum about 1 kHz, either way.
    """

    drive: float
    room: float
    lofi: float = 0.1
    tilt_db: float = 8.0


def play(
    voice: Voice, channel: Channel, draws: Draws, grid: Grid
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Bring raw sounds to finished ones.

    Args:
        voice: the raw sounds.
        channel: how the kind is treated.
        draws: draws the treatment's parameters.
        grid: the time grid.

    Returns:
        (count, samples), peak 1, and (count, 1), bool, for each adjective that was decided here.
    """
    driven = draws.chance(channel.drive) & ~voice.acoustic
    drive = torch.where(driven, draws.log_uniform(1.5, 14.0), 0.0)
    lofi = draws.chance(channel.lofi) & ~voice.acoustic
    in_room = draws.chance(channel.room)
    wet = torch.where(in_room, draws.log_uniform(0.08, 0.9), 0.0)

    waveform = _saturated(_levelled(voice.waveform), drive)
    waveform = filters.apply(waveform, _tone(channel, lofi, draws, grid))
    waveform = _with_room(waveform, wet, draws, grid)
    waveform = _through_cheap_converters(waveform, lofi, draws, grid)
    rumble = filters.normalised_frequency(grid, torch.tensor([[RUMBLE_HZ]]), filters.fft_size(grid))
    waveform = filters.apply(waveform, filters.highpass(rumble))
    traits = {
        "distorted": drive > DRIVEN,
        "roomy": wet > ROOMY,
        "dry": ~in_room,
        "lofi": lofi,
    }
    return _levelled(_faded(_from_onset(waveform), grid)), traits


def _levelled(waveform: torch.Tensor) -> torch.Tensor:
    return waveform / waveform.abs().amax(dim=1, keepdim=True)


def _saturated(waveform: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
    gain = drive.clamp_min(1e-3)  # so small a gain leaves the sound as it is
    return torch.tanh(waveform * gain) / torch.tanh(gain)


def _tone(channel: Channel, lofi: torch.Tensor, draws: Draws, grid: Grid) -> torch.Tensor:
    size = filters.fft_size(grid)
    tilt_db = draws.uniform(-channel.tilt_db, channel.tilt_db)
    pivot = filters.normalised_frequency(grid, torch.tensor([[1000.0]]), size)
    narrow = draws.chance(0.25) | lofi
    top_hz = torch.where(narrow, draws.log_uniform(2500.0, 9000.0), 20000.0)
    top = filters.normalised_frequency(grid, top_hz, size)
    return filters.tilt(pivot, tilt_db) * filters.lowpass(top)


def _with_room(waveform: torch.Tensor, wet: torch.Tensor, draws: Draws, grid: Grid) -> torch.Tensor:
    """Add a room: noise that decays, coloured and delayed, as impulse response."""
    space = Grid(samples=round(ROOM_SECONDS * grid.sample_rate), sample_rate=grid.sample_rate)
    size = filters.fft_size(grid, ROOM_SECONDS)
    reverberation_seconds = draws.log_uniform(0.1, ROOM_SECONDS)
    first_reflection = draws.uniform(0.001, 0.012)
    tail = draws.noise(space.samples) * decay(space, reverberation_seconds)
    tail = torch.where(space.seconds >= first_reflection, tail, 0.0)
    tail = tail / tail.square().sum(dim=1, keepdim=True).sqrt()
    # A room boosts no bass: it would beat with a kick's fundamental.
    low = filters.normalised_frequency(grid, draws.log_uniform(200.0, 500.0), size)
    high = filters.normalised_frequency(grid, draws.log_uniform(2500.0, 10000.0), size)
    response = torch.fft.rfft(tail, size) * filters.highpass(low) * filters.lowpass(high)
    return filters.apply(waveform, 1.0 + wet * response)


def _through_cheap_converters(
    waveform: torch.Tensor, lofi: torch.Tensor, draws: Draws, grid: Grid
) -> torch.Tensor:
    """Hold each sample for some and round it to few bits, as an early sampler does."""
    held_samples = torch.where(lofi, draws.uniform(2.0, 7.0).floor(), 1.0).long()
    index = torch.arange(grid.samples)[None] // held_samples * held_samples
    held = _levelled(waveform).gather(1, index)
    steps = 2.0 ** draws.uniform(5.0, 9.0).floor()
    return torch.where(lofi, torch.round(held * steps) / steps, held)


def _from_onset(waveform: torch.Tensor) -> torch.Tensor:
    """Start at the first audible sample: beads and slow swells come in after sample 0."""
    audible = _levelled(waveform).abs() > 10.0 ** (ONSET_DB / 20.0)
    onset = audible.int().argmax(dim=1, keepdim=True)
    samples = waveform.shape[1]
    index = torch.arange(samples)[None] + onset
    return waveform.gather(1, index.clamp_max(samples - 1)).mul_(index < samples)


def _faded(waveform: torch.Tensor, grid: Grid) -> torch.Tensor:
    fade = min(grid.samples, round(FADE_SECONDS * grid.sample_rate))
    faded = waveform.clone()
    faded[:, grid.samples - fade :] *= torch.linspace(1.0, 0.0, fade)
    return faded
