"""The mel profile: every number that turns a waveform into a mel spectrogram and back."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MelProfile:
    """The parameters of a log-mel spectrogram of fixed size.

    A profile travels with every model, LoRA and WAV; two things with different profiles never meet.

    Attributes:
        name: for people, ``starter-256``.
        sample_rate: Hz.
        n_fft: FFT length, samples.
        window: length of the Hann window, samples, at most ``n_fft``.
        hop: step from frame to frame, samples.
        mels: rows of the spectrogram.
        frames: columns of the spectrogram.
        f_min: lowest edge of the filterbank, Hz.
        f_max: highest edge of the filterbank, Hz.
        range_db: levels lower than this below the loudest bin are cut, dB.

    Raises:
        ValueError: if the numbers cannot belong together.
    """

    name: str
    sample_rate: int
    n_fft: int
    window: int
    hop: int
    mels: int
    frames: int
    f_min: float
    f_max: float
    range_db: float

    def __post_init__(self) -> None:
        if not 8_000 <= self.sample_rate <= 192_000:
            raise ValueError(f"sample_rate = {self.sample_rate}, expected 8000 to 192000 Hz")
        if not 16 <= self.window <= self.n_fft <= 65_536:
            raise ValueError(
                f"window = {self.window}, n_fft = {self.n_fft}, "
                "expected 16 <= window <= n_fft <= 65536"
            )
        if not 1 <= self.hop <= self.window // 2:
            raise ValueError(f"hop = {self.hop}, expected 1 to half the window, {self.window // 2}")
        if not (1 <= self.mels <= 1024 and 1 <= self.frames <= 4096):
            raise ValueError(
                f"mels = {self.mels}, frames = {self.frames}, expected at most 1024 by 4096"
            )
        if not 0.0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"f_min = {self.f_min}, f_max = {self.f_max}, "
                f"expected 0 <= f_min < f_max <= {self.sample_rate / 2}"
            )
        if not 10.0 <= self.range_db <= 200.0:
            raise ValueError(f"range_db = {self.range_db}, expected 10 to 200 dB")

    @property
    def bins(self) -> int:
        """Rows of the linear spectrogram, ``n_fft / 2 + 1``."""
        return self.n_fft // 2 + 1

    @property
    def samples(self) -> int:
        """Length of the sound that the spectrogram stands for, samples."""
        return self.frames * self.hop

    @property
    def seconds(self) -> float:
        """Length of the sound that the spectrogram stands for, seconds."""
        return self.samples / self.sample_rate
