"""The mel profile: every number between a waveform, its mel spectrogram and their image."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class MelProfile(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A mel spectrogram of fixed size: the parameters of torchaudio's ``MelSpectrogram``, and more.

    A profile travels with every model, LoRA, WAV and image; two things with different profiles
    never meet. What stands at its default is left out where a profile is written down, so that what
    was made before a key was known still means the same.

    Raises:
        ValueError: if the numbers cannot belong together.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64, description="for people")]
    sample_rate: Annotated[int, Meta(ge=8_000, le=192_000, description="Hz")]
    n_fft: Annotated[int, Meta(ge=16, le=65_536, description="length of the FFT, samples")]
    window: Annotated[
        int, Meta(ge=16, le=65_536, description="length of the window, samples, at most n_fft")
    ]
    hop: Annotated[int, Meta(ge=1, le=32_768, description="step from frame to frame, samples")]
    mels: Annotated[int, Meta(ge=1, le=1024, description="rows of the spectrogram")]
    frames: Annotated[int, Meta(ge=1, le=4096, description="columns of the spectrogram")]
    f_min: Annotated[
        float, Meta(ge=0.0, le=96_000.0, description="lowest edge of the filterbank, Hz")
    ]
    f_max: Annotated[
        float, Meta(ge=0.0, le=96_000.0, description="highest edge of the filterbank, Hz")
    ]
    range_db: Annotated[
        float,
        Meta(ge=10.0, le=200.0, description="what is so far below the top is silence, dB"),
    ]
    window_shape: Annotated[
        Literal["hann", "hamming", "blackman", "bartlett", "kaiser"],
        Meta(description="periodic, as torch has them"),
    ] = "hann"
    pad: Annotated[
        int, Meta(ge=0, le=65_536, description="zeros before and behind the sound, samples")
    ] = 0
    center: Annotated[
        bool, Meta(description="frame k is centred on sample k * hop, or begins there")
    ] = True
    pad_mode: Annotated[
        Literal["constant", "reflect", "replicate", "circular"],
        Meta(description="what centred frames see beyond the sound's ends"),
    ] = "constant"
    power: Annotated[
        float,
        Meta(ge=0.1, le=4.0, description="the bands add up magnitudes (1) or their power (2)"),
    ] = 1.0
    normalized: Annotated[
        bool, Meta(description="magnitudes are divided by the window's L2 norm")
    ] = False
    mel_scale: Annotated[Literal["htk", "slaney"], Meta(description="the scale of the bands")] = (
        "htk"
    )
    norm: Annotated[
        Literal["none", "slaney"], Meta(description="a band has a peak of 1, or an area of 1")
    ] = "none"
    full_scale: Annotated[
        float,
        Meta(
            ge=0.0, le=1e12, description="value of a band at the top; 0: the loudest of the sound"
        ),
    ] = 0.0
    image_curve: Annotated[
        Literal["db", "power"],
        Meta(description="a pixel goes by the level in dB, or by the band to the image_power"),
    ] = "db"
    image_power: Annotated[
        float, Meta(ge=0.01, le=4.0, description='exponent with image_curve = "power"')
    ] = 1.0
    image_inverted: Annotated[bool, Meta(description="loud is dark")] = False
    image_low_row: Annotated[
        Literal["top", "bottom"], Meta(description="where the lowest band is")
    ] = "top"
    image_mode: Annotated[
        Literal["grey8", "grey16", "rgb8"], Meta(description="pixels of a PNG file")
    ] = "grey8"

    def __post_init__(self) -> None:
        if self.window > self.n_fft:
            raise ValueError(f"window = {self.window}, expected at most n_fft, {self.n_fft}")
        if not self.hop <= self.window // 2:
            raise ValueError(f"hop = {self.hop}, expected 1 to half the window, {self.window // 2}")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"f_min = {self.f_min}, f_max = {self.f_max}, "
                f"expected f_min < f_max <= {self.sample_rate / 2}"
            )
        if not self.pad * 2 < self.frames * self.hop:
            raise ValueError(
                f"pad = {self.pad}, expected less than half the sound, {self.frames * self.hop}"
            )
        shortest = self.n_fft // 2 if self.center and self.pad_mode == "reflect" else 0
        if self.samples <= shortest:
            raise ValueError(
                f"frames = {self.frames}, expected more: {self.samples} samples are too few "
                f"for n_fft = {self.n_fft} with center = {self.center}, pad_mode = {self.pad_mode}"
            )

    @property
    def bins(self) -> int:
        """Rows of the linear spectrogram, ``n_fft / 2 + 1``."""
        return self.n_fft // 2 + 1

    @property
    def samples(self) -> int:
        """Length of the sound that the spectrogram stands for, samples."""
        if self.center:
            return self.frames * self.hop - self.pad
        return (self.frames - 1) * self.hop + self.n_fft - 2 * self.pad

    @property
    def seconds(self) -> float:
        """Length of the sound that the spectrogram stands for, seconds."""
        return self.samples / self.sample_rate
