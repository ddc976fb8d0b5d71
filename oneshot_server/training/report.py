"""The report that a producer reads: what was used, what was not, and why."""

from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from oneshot_server.domain.dataset import Manifest
from oneshot_server.library.atomic_file import write_atomically
from oneshot_server.pipeline.model import Model
from oneshot_server.training.captions import read_caption
from oneshot_server.training.pictures import draw_contact_sheet
from oneshot_server.training.prepare import PreparedSounds

NO_KIND: Final = "(no kind of sound named)"


class UsedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the report.

    Attributes:
        path: relative to the dataset's folder.
        caption: in the model's words.
        kind: that the caption names; empty if none.
        held_out: only listened to.
    """

    path: str
    caption: str
    kind: str
    held_out: bool


class SkippedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the report: a file, relative to the dataset's folder, and why it is not used."""

    path: str
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``report.json``.

    Attributes:
        dataset: name of the folder.
        used: files that are.
        skipped: files that are not.
        kinds: how many sounds there are of each.
    """

    dataset: str
    used: tuple[UsedFile, ...]
    skipped: tuple[SkippedFile, ...]
    kinds: dict[str, int]


def make_report(manifest: Manifest, prepared: PreparedSounds, model: Model) -> Report:
    """What became of each file."""
    held_out = {sound.file.path for sound in prepared.held_out} if prepared.holds_out else set()
    used = []
    for sound in prepared.used:
        caption = read_caption(sound.file.caption, model)
        used.append(
            UsedFile(
                path=sound.file.path,
                caption=caption.text,
                kind=caption.kind,
                held_out=sound.file.path in held_out,
            )
        )
    kinds = Counter(file.kind or NO_KIND for file in used) if model.words else Counter()
    return Report(
        dataset=manifest.name,
        used=tuple(used),
        skipped=tuple(SkippedFile(path=path, why=why) for path, why in prepared.skipped),
        kinds=dict(kinds.most_common()),
    )


def write_report(folder: Path, report: Report, prepared: PreparedSounds) -> None:
    """Write ``report.txt``, ``report.json`` and ``contact_sheet.png``.

    Raises:
        DiskFullError, ForbiddenError: they cannot be written.
    """
    encoded = msgspec.json.format(msgspec.json.encode(report))
    write_atomically(folder / "report.json", encoded)
    write_atomically(folder / "report.txt", report_to_text(report).encode())
    held_out = prepared.held_out if prepared.holds_out else ()
    write_atomically(folder / "contact_sheet.png", draw_contact_sheet(prepared.used, held_out))


def report_to_text(report: Report) -> str:
    """``report.txt``."""
    held_out = sum(file.held_out for file in report.used)
    lines = [
        f'Dataset "{report.dataset}": {len(report.used)} sounds used, '
        f"{held_out} of them held out to judge by, {len(report.skipped)} files skipped.",
    ]
    if not held_out:
        lines.append("Too few sounds to hold any out: it is judged by those it is trained on.")
    if report.kinds:
        lines += ["", "Kinds:", *(f"  {kind}: {n}" for kind, n in report.kinds.items())]
    if report.skipped:
        lines += ["", "Skipped:", *(f"  {file.path}: {file.why}" for file in report.skipped)]
    lines += ["", "Used (* held out), and what the model is told of each:"]
    lines += [
        f"{'*' if file.held_out else ' '} {file.path}: {file.caption or '(no word it knows)'}"
        for file in report.used
    ]
    return "\n".join(lines) + "\n"
