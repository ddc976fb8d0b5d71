"""A rendered waveform to the sound in the file: onset, offset, tail, length, level."""

from typing import Final

import soxr
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.dsp.loudness import loudness

ONSET_DB: Final = -40.0  # of the peak: what comes before it is the inversion's pre-echo
RAMP_SECONDS: Final = 0.0003  # from zero to the onset without a click
HIGH_PASS_HZ: Final = 15.0  # below what any speaker plays; takes the offset, spares a 30 Hz kick
BLOCK_SECONDS: Final = 0.005


def finish(waveform: torch.Tensor, sample_rate: int, options: FinishOptions) -> torch.Tensor:
    """Bring a waveform into the form in which it is published.

    Args:
        waveform: (samples,), finite and not silent, of any level.
        sample_rate: Hz.
        options: level, tail and length.

    Returns:
        (samples,), shorter or as long, float32, within -1 to 1: the onset at sample 0, no offset,
        the tail cut with a fade, pitch and level as asked.
    """
    waveform = _tuned(waveform, sample_rate, options.tune)
    waveform = _cut_before_onset(_without_offset(waveform, sample_rate), sample_rate)
    waveform = _cut_tail(waveform, sample_rate, options)
    return _set_level(waveform, sample_rate, options)


def _tuned(waveform: torch.Tensor, sample_rate: int, semitones: float) -> torch.Tensor:
    """Play it faster or slower."""
    if semitones == 0.0:
        return waveform
    played_at = sample_rate * 2.0 ** (semitones / 12.0)
    return torch.from_numpy(soxr.resample(waveform.numpy(), played_at, sample_rate, "VHQ"))


def _without_offset(waveform: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """High-pass without phase shift, so that an attack keeps its shape."""
    # Padding keeps the filter's ringing from wrapping around into the attack.
    # A power of two, as an FFT of any other length may take ten times as long.
    size = 1 << (len(waveform) + sample_rate // 4 - 1).bit_length()
    spectrum = torch.fft.rfft(waveform, size)
    hertz = torch.fft.rfftfreq(size, 1.0 / sample_rate)
    gain = hertz**4 / (hertz**4 + HIGH_PASS_HZ**4)
    filtered: torch.Tensor = torch.fft.irfft(spectrum * gain, size)
    return filtered[: len(waveform)]


def _cut_before_onset(waveform: torch.Tensor, sample_rate: int) -> torch.Tensor:
    level = waveform.abs()
    onset = int((level > level.amax() * 10.0 ** (ONSET_DB / 20.0)).int().argmax())
    ramp = round(RAMP_SECONDS * sample_rate)
    cut: torch.Tensor = waveform[max(0, onset - ramp) :].clone()
    cut[:ramp] *= torch.linspace(0.0, 1.0, ramp)[: len(cut)]
    return cut


def _cut_tail(waveform: torch.Tensor, sample_rate: int, options: FinishOptions) -> torch.Tensor:
    block = round(BLOCK_SECONDS * sample_rate)
    padded = torch.nn.functional.pad(waveform, (0, -len(waveform) % block))
    envelope = padded.abs().unflatten(0, (-1, block)).amax(dim=1)
    audible = envelope > envelope.amax() * 10.0 ** (options.tail_db / 20.0)
    end = (int(audible.nonzero().max()) + 1) * block
    if options.max_seconds is not None:
        end = min(end, round(options.max_seconds * sample_rate))
    end = min(end, len(waveform))
    cut: torch.Tensor = waveform[:end].clone()
    fade = min(round(options.fade_seconds * sample_rate), end)
    # Half a cosine: neither end of the fade has an edge.
    cut[end - fade :] *= 0.5 + 0.5 * torch.cos(torch.linspace(0.0, torch.pi, fade))
    return cut


def _set_level(waveform: torch.Tensor, sample_rate: int, options: FinishOptions) -> torch.Tensor:
    ceiling = 10.0 ** (options.peak_db / 20.0)
    gain = ceiling / float(waveform.abs().amax())
    if options.level == "lufs":
        gain = min(gain, 10.0 ** ((options.lufs - loudness(waveform, sample_rate)) / 20.0))
    levelled: torch.Tensor = waveform * (gain * 10.0 ** (options.gain_db / 20.0))
    return levelled
