"""A rendered waveform to the sound in the file: rate, onset, offset, tail, width, level."""

from typing import Final

import soxr
import torch

from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.dsp.loudness import loudness
from oneshot_server.dsp.stereo import mono_to_stereo

ONSET_DB: Final = -40.0  # of the peak: what comes before it is the inversion's pre-echo
RAMP_SECONDS: Final = 0.0003  # from zero to the onset without a click
HIGH_PASS_HZ: Final = 15.0  # below what any speaker plays; takes the offset, spares a 30 Hz kick
BLOCK_SECONDS: Final = 0.005


def finish(waveform: torch.Tensor, sample_rate: int, options: FinishOptions) -> torch.Tensor:
    """Bring a waveform into the form in which it is published.

    Args:
        waveform: (samples,), finite and not silent, of any level.
        sample_rate: Hz, of the waveform.
        options: rate, level, tail, length and width.

    Returns:
        (samples,), or (samples, 2) if it is to be wide, float32, within -1 to 1, at the rate
        ``options.rate_of``: the onset at sample 0, no offset, the tail cut with a fade, pitch and
        level as asked. The mean of left and right is the mono sound at another level.
    """
    rate = options.rate_of(sample_rate)
    waveform = _resampled(waveform, sample_rate * 2.0 ** (options.tune / 12.0), rate)
    mono = _cut_before_onset(_without_offset(waveform, rate), rate)
    end = _end(mono, rate, options)
    sound = mono_to_stereo(mono, rate, options.width) if options.width else mono
    sound = _set_level(_cut_tail(sound, end, rate, options), rate, options)
    return sound.T.contiguous() if options.width else sound


def _resampled(waveform: torch.Tensor, played_at: float, sample_rate: int) -> torch.Tensor:
    """What is heard of it if its samples are played at a rate, Hz; higher is faster."""
    if played_at == sample_rate:
        return waveform
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


def _end(waveform: torch.Tensor, sample_rate: int, options: FinishOptions) -> int:
    """Up to which sample it is heard."""
    block = round(BLOCK_SECONDS * sample_rate)
    padded = torch.nn.functional.pad(waveform, (0, -len(waveform) % block))
    envelope = padded.abs().unflatten(0, (-1, block)).amax(dim=1)
    audible = envelope > envelope.amax() * 10.0 ** (options.tail_db / 20.0)
    end = (int(audible.nonzero().max()) + 1) * block
    if options.max_seconds is not None:
        end = min(end, round(options.max_seconds * sample_rate))
    return min(end, len(waveform))


def _cut_tail(
    sound: torch.Tensor, end: int, sample_rate: int, options: FinishOptions
) -> torch.Tensor:
    cut: torch.Tensor = sound[..., :end].clone()
    fade = min(round(options.fade_seconds * sample_rate), end)
    # Half a cosine: neither end of the fade has an edge.
    cut[..., end - fade :] *= 0.5 + 0.5 * torch.cos(torch.linspace(0.0, torch.pi, fade))
    return cut


def _set_level(sound: torch.Tensor, sample_rate: int, options: FinishOptions) -> torch.Tensor:
    ceiling = 10.0 ** (options.peak_db / 20.0)
    gain = ceiling / float(sound.abs().amax())
    if options.level == "lufs":
        gain = min(gain, 10.0 ** ((options.lufs - loudness(sound, sample_rate)) / 20.0))
    levelled: torch.Tensor = sound * (gain * 10.0 ** (options.gain_db / 20.0))
    return levelled
