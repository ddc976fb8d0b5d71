"""Files as producers have them to waveforms, or a reason that a producer understands."""

from pathlib import Path
from typing import Final

import soundfile
import soxr
import torch

from oneshot_server.domain.mel_profile import MelProfile
from oneshot_server.dsp.prepare import prepare
from oneshot_server.errors import DefectError

LONGEST_FILE_SECONDS: Final = 120.0  # a file longer than this is not even opened to see
MOST_SAMPLES: Final = 64_000_000  # a quarter of a GB; two minutes of stereo at 192 kHz are fewer
END_DB: Final = -60.0  # of the peak: what follows the last sample above is silence
UNKNOWN_SIZES: Final = (0, 0xFFFFFFFF)  # what programs write that do not know the length yet


class UnusableError(Exception):
    """A file that cannot be trained on; the text says why, in words."""


def read_sound(path: Path, max_seconds: float) -> tuple[torch.Tensor, int]:
    """Read a file of any format, depth, rate and number of channels.

    Args:
        path: the file.
        max_seconds: longest sound, from its first to its last audible sample.

    Returns:
        (channels, samples), float32, finite, and its rate in Hz.

    Raises:
        UnusableError: unreadable, cut off, not finite, silent or too long.
    """
    try:
        _check_whole(path)
        info = soundfile.info(path)
        if info.duration > LONGEST_FILE_SECONDS:
            raise UnusableError(_too_long(info.duration, max_seconds))
        if info.frames * info.channels > MOST_SAMPLES:
            raise UnusableError(
                f"{info.channels} channels at {info.samplerate} Hz, more than can be read at once"
            )
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except FileNotFoundError:
        raise UnusableError("it is not there any more") from None
    except (OSError, soundfile.SoundFileError, ValueError, TypeError) as error:
        why = str(error).removeprefix(f"Error opening {str(path)!r}: ").rstrip(".")
        raise UnusableError(f"unreadable: {why}") from None
    audio = torch.from_numpy(samples.T.copy())
    if not audio.numel():
        raise UnusableError("it holds no samples")
    if not bool(torch.isfinite(audio).all()):
        raise UnusableError("it holds samples that are no numbers (NaN or infinite)")
    level = audio.abs().amax(dim=0)
    audible = (level > level.amax() * 10.0 ** (END_DB / 20.0)).nonzero()
    if len(audible):
        seconds = (int(audible[-1]) - int(audible[0])) / sample_rate
        if seconds > max_seconds:
            raise UnusableError(_too_long(seconds, max_seconds))
    return audio, sample_rate


def sound_to_waveform(
    audio: torch.Tensor,
    sample_rate: int,
    profile: MelProfile,
    *,
    semitones: float = 0.0,
    shift_seconds: float = 0.0,
) -> torch.Tensor:
    """A recording as the profile's spectrogram wants it.

    Args:
        audio: (channels, samples), finite.
        sample_rate: Hz.
        profile: the mel profile.
        semitones: its pitch is moved by so much, as a tape would.
        shift_seconds: of silence put in front.

    Returns:
        (samples,) of the profile, peak 1.

    Raises:
        UnusableError: silent, or too short for the profile.
    """
    if semitones:
        stretched = soxr.resample(
            audio.T.numpy(), sample_rate, sample_rate * 2 ** (-semitones / 12)
        )
        audio = torch.from_numpy(stretched.T.copy())
    try:
        waveform = prepare(audio, sample_rate, profile)
    except DefectError as error:
        raise UnusableError(
            str(error).removeprefix("audio ").replace("is silent", "silent")
        ) from None
    shift = round(shift_seconds * profile.sample_rate)
    shifted: torch.Tensor = torch.nn.functional.pad(waveform, (shift, 0))[: profile.samples]
    return shifted


def _too_long(seconds: float, max_seconds: float) -> str:
    return f"a loop of {seconds:.1f} s, longer than {max_seconds:g} s"


def _check_whole(path: Path) -> None:
    """A WAV or AIFF that lost its end would teach the model a sound that breaks off."""
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
    order = {b"RIFF": "little", b"FORM": "big"}.get(head[:4])
    if order is None or len(head) < 12:
        return
    claimed = int.from_bytes(head[4:8], "little" if order == "little" else "big")
    if claimed not in UNKNOWN_SIZES and claimed + 8 > size + 1:
        raise UnusableError(f"cut off: {size} of {claimed + 8} bytes are there")
