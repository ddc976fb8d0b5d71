"""A job's events on the terminal: sounds on stdout, everything else on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import typer

from oneshot_server.cli.output import print_json, printable
from oneshot_server.domain.events import (
    Cancelled,
    Done,
    Failed,
    JobEvent,
    Notice,
    Progress,
    SampleImproved,
)
from oneshot_server.domain.events import SamplePublished as Sample
from oneshot_server.errors import EngineFailedError


class Report:
    """Shows one job's events; call it with each.

    Args:
        json: whether a sound is an object for programs, or a path for people.
        place: told where a sound is, says where the producer finds it.
        bar: whether progress is drawn, if there is a terminal.
    """

    def __init__(
        self, *, json: bool, place: Callable[[Path], Path] | None = None, bar: bool = True
    ) -> None:
        self._json = json
        self._place = place
        self._bar = _Bar() if bar and sys.stderr.isatty() else None
        self._drafts: dict[int, Sample] = {}
        self.paths: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, event: JobEvent) -> None:
        """Show an event.

        Raises:
            EngineFailedError: the event is the job's bad end.
        """
        match event:
            case Progress(fraction=fraction, stage=stage):
                if self._bar:
                    self._bar.show(fraction, stage)
            case Sample(draft=True) if self._place:  # it is copied as what it will be
                self._drafts[event.index] = event
            case Sample():
                with self._without_bar():
                    self._show_sample(event)
            case SampleImproved() if self._place or self._json:
                self._drafts.pop(event.index, None)
                with self._without_bar():
                    self._show_sample(event)
            case Done():
                self._show_drafts()
            case Notice(code=code, text=text):
                with self._without_bar():
                    typer.echo(printable(f"oneshot: {code.replace('_', ' ')}: {text}"), err=True)
            case Failed(text=text):
                self._show_drafts()
                raise EngineFailedError(text)
            case Cancelled():
                self._show_drafts()
                raise EngineFailedError("the job was cancelled")

    @contextmanager
    def _without_bar(self) -> Iterator[None]:
        if self._bar:
            self._bar.stop()
        yield
        if self._bar:
            self._bar.start()

    def _show_drafts(self) -> None:
        """Those that stay what they are."""
        while self._drafts:
            _, draft = self._drafts.popitem()
            with self._without_bar():
                self._show_sample(draft)

    def _show_sample(self, sample: Sample | SampleImproved) -> None:
        path = Path(sample.path)
        if self._place:
            path = self._place(path)
        self.paths.append(path)
        if self._json:
            print_json(
                {
                    "path": str(path),
                    "index": sample.index,
                    "seed": sample.seed,
                    "seconds": round(sample.seconds, 6),
                    "draft": isinstance(sample, Sample) and sample.draft,
                }
            )
        else:
            typer.echo(printable(str(path)))


class _Bar:
    """Rich's progress bar, loaded when there is a terminal to draw it on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # what the caller pipes elsewhere must get there
        )
        self._task = self._progress.add_task("loading", total=None)
        self.start()

    def start(self) -> None:
        self._progress.start()

    def show(self, fraction: float, stage: str) -> None:
        self._progress.update(
            self._task, completed=fraction, total=1.0, description=printable(stage)
        )

    def stop(self) -> None:
        self._progress.stop()
