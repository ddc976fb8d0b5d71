import re

import pytest
import torch

from oneshot_server.starter.synth import KINDS, Sounds, synthesise
from oneshot_server.starter.synth.captions import ADJECTIVES, spoken

SAMPLE_RATE = 44_100
SAMPLES = 32_768


def make(kind: str, *, count: int = 8, seed: int = 1) -> Sounds:
    return synthesise(
        kind,
        count=count,
        samples=SAMPLES,
        sample_rate=SAMPLE_RATE,
        generator=torch.Generator().manual_seed(seed),
    )


def energy_seconds(waveforms: torch.Tensor, share: float) -> torch.Tensor:
    passed = waveforms.double().square().cumsum(dim=1)
    return (passed < share * passed[:, -1:]).sum(dim=1) / SAMPLE_RATE


def hertz(caption: str) -> int:
    found = re.search(r"(\d+) hz", caption)
    assert found is not None, caption
    return int(found[1])


def tail_hertz(waveform: torch.Tensor) -> float:
    """Frequency of the strongest partial from 20 to 40 dB below the onset."""
    start = int(energy_seconds(waveform[None], 0.99)[0] * SAMPLE_RATE)
    end = int(energy_seconds(waveform[None], 0.9999)[0] * SAMPLE_RATE)
    size = 4 * SAMPLE_RATE  # a quarter of a hertz a bin
    tail = waveform[start:end] * torch.hann_window(end - start)
    return float(torch.fft.rfft(tail, size).abs().argmax()) / 4


def test_an_unknown_kind_is_refused_by_the_names_of_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"kind = 'gong', expected one of kick, snare"):
        make("gong")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_state_gives_the_same_bytes_and_captions(kind: str) -> None:
    first, second = make(kind, count=3), make(kind, count=3)
    assert torch.equal(first.waveforms, second.waveforms)
    assert first.captions == second.captions


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_sounds_of_a_batch_or_of_two_seeds_are_alike(kind: str) -> None:
    waveforms = torch.cat([make(kind, count=6).waveforms, make(kind, count=6, seed=2).waveforms])
    spectra = torch.fft.rfft(waveforms).abs()
    alike = torch.nn.functional.cosine_similarity(spectra[:, None], spectra[None], dim=2)
    assert alike.fill_diagonal_(0.0).amax() < 0.995


@pytest.mark.parametrize("kind", KINDS)
def test_every_sound_starts_at_once_and_fills_the_scale_without_offset(kind: str) -> None:
    sounds = make(kind, count=16)
    waveforms = sounds.waveforms
    assert waveforms.shape == (16, SAMPLES)
    assert waveforms.dtype == torch.float32
    assert torch.isfinite(waveforms).all()
    torch.testing.assert_close(waveforms.abs().amax(dim=1), torch.ones(16))
    assert (waveforms.abs() > 0.01).int().argmax(dim=1).amax() <= SAMPLE_RATE // 1000
    assert waveforms.mean(dim=1).abs().amax() < 2e-3
    assert waveforms[:, -1].abs().amax() == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_caption_is_the_class_then_known_words_then_the_origin(kind: str) -> None:
    for caption in make(kind, count=16).captions:
        first, *words, origin = caption.split(", ")
        assert first == spoken(kind)
        assert origin in {"electronic", "acoustic"}
        named = [word for word in words if not re.fullmatch(r"\d+ hz", word)]
        assert set(named) <= set(ADJECTIVES)
        assert len(set(words)) == len(words)
        for one, other in (("short", "long"), ("dark", "bright"), ("deep", "high")):
            assert not {one, other} <= set(words)


def test_the_vocabulary_stays_small() -> None:
    assert len(set(ADJECTIVES)) == len(ADJECTIVES) <= 45


@pytest.mark.parametrize("kind", ["kick", "tom"])
def test_a_drum_rings_out_at_the_pitch_that_its_caption_names(kind: str) -> None:
    sounds = make(kind, count=32)
    for waveform, caption in zip(sounds.waveforms, sounds.captions, strict=True):
        assert tail_hertz(waveform) == pytest.approx(hertz(caption), rel=0.05), caption


@pytest.mark.parametrize("kind", ["bass", "pluck", "mallet", "keys", "conga"])
def test_a_tone_has_a_partial_at_the_pitch_that_its_caption_names(kind: str) -> None:
    sounds = make(kind, count=16)
    spectra = torch.fft.rfft(sounds.waveforms * torch.hann_window(2 * SAMPLES)[SAMPLES:]).abs()
    spacing_hz = SAMPLE_RATE / SAMPLES
    for spectrum, caption in zip(spectra, sounds.captions, strict=True):
        pitch = hertz(caption)
        near = slice(int(pitch * 0.94 / spacing_hz), int(pitch * 1.06 / spacing_hz) + 2)
        octave = slice(int(pitch * 0.6 / spacing_hz), int(pitch * 1.6 / spacing_hz) + 2)
        assert spectrum[near].amax() > 0.8 * spectrum[octave].amax(), caption


def test_short_kicks_decay_faster_than_long_ones() -> None:
    sounds = make("kick", count=32)
    seconds = energy_seconds(sounds.waveforms, 0.99).tolist()
    timed = list(zip(sounds.captions, seconds, strict=True))
    short = [s for caption, s in timed if ", short" in caption]
    long = [s for caption, s in timed if ", long" in caption]
    assert short
    assert long
    assert max(short) < min(long)


def test_open_hats_ring_several_times_longer_than_closed_ones() -> None:
    closed = energy_seconds(make("closed_hat").waveforms, 0.99).mean()
    opened = energy_seconds(make("open_hat").waveforms, 0.99).mean()
    assert opened > 3 * closed


def test_bright_sounds_have_more_treble_than_dark_ones() -> None:
    sounds = make("snare", count=32)
    power = torch.fft.rfft(sounds.waveforms).abs()
    treble = (power[:, power.shape[1] // 4 :].sum(dim=1) / power.sum(dim=1)).tolist()
    shares = list(zip(sounds.captions, treble, strict=True))
    bright = torch.tensor([share for caption, share in shares if ", bright" in caption])
    dark = torch.tensor([share for caption, share in shares if ", dark" in caption])
    assert bright.mean() > 2 * dark.mean()
