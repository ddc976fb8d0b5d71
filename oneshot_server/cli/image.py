"""``oneshot image``: sounds as spectrograms that any image editor can paint, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from oneshot_server.cli.options import HomeOption
from oneshot_server.cli.output import printable
from oneshot_server.cli.picture import unused
from oneshot_server.errors import BadArgumentsError, NotFoundError

if TYPE_CHECKING:
    from oneshot_server.domain.mel_profile import MelProfile
    from oneshot_server.library.home import Home

PATIENT_ITERATIONS: Final = 32
DEFAULT_PROFILE: Final = "sd15-oneshot"

app = typer.Typer(
    help="Turn sounds into spectrogram images and images into sounds.", no_args_is_help=True
)
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="a mel profile's name, or a TOML file; see image profiles"),
]


@app.command("to-wav")
def to_wav(
    file: Annotated[Path, typer.Argument(help="a PNG or JPEG", show_default=False)],
    *,
    profile: ProfileOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="the WAV (default: a new one in this folder)")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Play a spectrogram image: make a WAV of it, finished like every other sound.

    What is transparent is silent. Without --profile the image says itself how it is to be read.
    """
    import torch

    from oneshot_server.dsp.finish import finish
    from oneshot_server.dsp.image import image_to_mel
    from oneshot_server.dsp.inversion import mel_to_waveform
    from oneshot_server.library.atomic_file import write_atomically
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.spectrogram_png import read_spectrogram
    from oneshot_server.library.wav_encoding import encode_wav
    from oneshot_server.settings import load_settings

    place = resolve_home(home)
    samples = load_settings(place.config).samples
    image = read_spectrogram(file)
    found = _named(profile, place) if profile else image.profile
    if found is None:
        raise BadArgumentsError(
            f"{file}: no mel profile inside, expected --profile: "
            f"the one that it was made with, as in --profile {DEFAULT_PROFILE}"
        )
    _, rows, columns = image.levels.shape
    fitted = _fit(found, rows, columns, file)
    silence = 1.0 if fitted.image_inverted else 0.0
    levels = silence + (image.levels - silence) * image.opacity
    painted = torch.from_numpy(levels)[None] * 2.0 - 1.0
    # Nobody waits on stage for this one: as good as it gets.
    waveform = mel_to_waveform(
        image_to_mel(painted, fitted),
        fitted,
        griffin_lim_iterations=PATIENT_ITERATIONS,
        whole_fft=True,
    )[0]
    if not float(waveform.abs().amax()) > 0.0:
        raise BadArgumentsError(
            f"{file}: silent, read as {fitted.name}; is --profile the right one?"
        )
    options = samples.finish_options()
    sound = finish(waveform, fitted.sample_rate, options)
    rate = options.rate_of(fitted.sample_rate)
    target = out or unused(file.with_suffix(".wav").name)
    write_atomically(target, encode_wav(sound.numpy(), rate, samples.subtype))
    typer.echo(target)


@app.command("from-wav")
def from_wav(
    file: Annotated[Path, typer.Argument(help="WAV, FLAC or another sound", show_default=False)],
    *,
    profile: ProfileOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="the PNG (default: a new one in this folder)")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Paint a sound as a spectrogram image that says itself how it is to be read."""
    from oneshot_server.dsp.image import mel_to_image
    from oneshot_server.dsp.mel import waveform_to_mel
    from oneshot_server.library.atomic_file import write_atomically
    from oneshot_server.library.home import resolve_home
    from oneshot_server.library.spectrogram_png import encode_spectrogram
    from oneshot_server.pipeline.sound_files import (
        LONGEST_FILE_SECONDS,
        UnusableError,
        read_sound,
        sound_to_waveform,
    )

    chosen = _named(profile or DEFAULT_PROFILE, resolve_home(home))
    if not file.is_file():
        raise NotFoundError(f"{file}: no such file")
    try:
        audio, rate = read_sound(file, LONGEST_FILE_SECONDS)
        waveform = sound_to_waveform(audio, rate, chosen)
    except UnusableError as error:
        raise BadArgumentsError(f"{file}: {error}") from None
    if audio.shape[1] / rate > chosen.seconds:
        typer.echo(
            f"{printable(str(file))}: {audio.shape[1] / rate:.2f} s, "
            f"cut at the {chosen.seconds:.2f} s of {chosen.name}",
            err=True,
        )
    image = mel_to_image(waveform_to_mel(waveform[None], chosen), chosen, channels=1)
    target = out or unused(file.with_suffix(".png").name)
    write_atomically(target, encode_spectrogram((image[0, 0].numpy() + 1.0) / 2.0, chosen))
    typer.echo(target)


@app.command("profiles")
def profiles(*, home: HomeOption = None) -> None:
    """List the mel profiles: the built-in ones, and those in profiles in the home."""
    from oneshot_server.library.home import resolve_home
    from oneshot_server.settings import profile_names

    place = resolve_home(home)
    for name in profile_names(place.profiles):
        found = _named(name, place)
        typer.echo(
            f"{name:20} {found.frames} by {found.mels} pixels, {found.seconds:.2f} s, "
            f"{found.sample_rate} Hz, {found.f_min:g} to {found.f_max:g} Hz"
        )


def _named(profile: str, home: "Home") -> "MelProfile":
    from oneshot_server.settings import find_profile, read_profile

    if profile.endswith(".toml") and Path(profile).exists():
        return read_profile(Path(profile))
    return find_profile(profile, home.profiles)


def _fit(profile: "MelProfile", rows: int, columns: int, file: Path) -> "MelProfile":
    """The profile for an image of any length."""
    from msgspec import structs

    if rows != profile.mels:
        raise BadArgumentsError(
            f"{file}: {columns} by {rows} pixels, expected {profile.mels} rows for {profile.name}; "
            "do not scale spectrograms"
        )
    try:
        return structs.replace(profile, frames=columns)
    except ValueError as error:
        raise BadArgumentsError(f"{file}: {error}") from None
