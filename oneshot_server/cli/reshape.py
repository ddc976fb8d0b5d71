"""What ``oneshot render --vary``, ``--morph`` and ``--inpaint`` mean."""

from pathlib import Path
from typing import Final, cast

from oneshot_server.domain import parameters
from oneshot_server.domain.parameters import Part
from oneshot_server.domain.reshape import Inpaint, Morph, Reshape, Vary
from oneshot_server.errors import BadArgumentsError
from oneshot_server.library.parent_files import check_parent_file

HALF_WAY: Final = 0.5


def options_to_reshape(
    *,
    vary: Path | None,
    morph: tuple[Path, Path] | None,
    inpaint: Path | None,
    strength: float | None,
    t: float | None,
    keep: str | None,
    split: float | None,
) -> tuple[Reshape | None, tuple[str, ...]]:
    """What is done to sounds, and their files; ``None`` if none is named.

    Raises:
        BadArgumentsError: more than one of the three, an option of another one, or no sound.
        NotFoundError: no such file.
    """
    files = {"--vary": vary, "--morph": morph, "--inpaint": inpaint}
    named = [option for option, value in files.items() if value is not None]
    if len(named) > 1:
        raise BadArgumentsError(f"{' and '.join(named)}: expected one of them")
    for option, value, belongs_to in (
        ("--strength", strength, "--vary"),
        ("--t", t, "--morph"),
        ("--keep", keep, "--inpaint"),
        ("--split", split, "--inpaint"),
    ):
        if value is not None and belongs_to not in named:
            raise BadArgumentsError(f"{option} came without {belongs_to}, expected both")
    if vary is not None:
        return Vary(strength=HALF_WAY if strength is None else strength), _files(vary)
    if morph is not None:
        return Morph(t=HALF_WAY if t is None else t), _files(*morph)
    if inpaint is not None:
        kept = cast("Part", keep or parameters.KEEP.default)  # the request checks it
        seconds = parameters.SPLIT_SECONDS if split is None else split
        return Inpaint(keep=kept, split=seconds), _files(inpaint)
    return None, ()


def _files(*paths: Path) -> tuple[str, ...]:
    for path in paths:
        check_parent_file(path, str(path))
    return tuple(str(path.absolute()) for path in paths)
