"""Stars begin a training by themselves: when, how often, and when not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from oneshot_server.domain.events import Accepted, Done, Failed, JobEvent, Notice, NoticeCode
from oneshot_server.domain.library import Query
from oneshot_server.errors import DiskFullError
from oneshot_server.library import starred
from oneshot_server.library.database import open_database
from oneshot_server.library.dataset_folder import dataset_path
from oneshot_server.library.living_library import LivingLibrary
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.settings import Settings
from oneshot_server.training.journal import TrainingJournal
from oneshot_server.training.runs import TrainingRuns
from oneshot_server.training.taste_watch import TasteWatch
from tests.unit.library.sounds import foreign, library
from tests.unit.training.test_runs import FakeWorkshop, eventually

EVERY = 3
SETTLE_SECONDS = 0.2


@dataclass(kw_only=True)
class Stars:
    """A home whose stars are watched, and what was told."""

    home: Path
    library: LivingLibrary
    runs: TrainingRuns
    loras: LoraStore
    events: list[JobEvent] = field(default_factory=list)

    async def star(self, *names: str, stars: int = 4) -> None:
        for name in names:
            await self.library.mark(f"{name}.wav", stars=stars)

    async def trained(self, count: int) -> None:
        await eventually(lambda: len(self.of(Done)) == count)

    def of(self, kind: type[JobEvent]) -> list[JobEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def whys(self) -> list[str]:
        return [e.text for e in self.of(Notice) if e.code is NoticeCode.STARS]


def watched(home: Path, body: Callable[[Stars], Awaitable[None]], *, started: bool = True) -> None:
    """Run ``body`` beside a watch, as a daemon would; once more for the daemon after it."""
    for folder in ("datasets", "loras", "samples"):
        (home / folder).mkdir(exist_ok=True)
    if not any((home / "samples").iterdir()):
        for number in range(12):
            file = home / "samples" / f"{number}.wav"
            file.write_bytes(foreign(200 + 20 * number, seconds=0.05))

    async def main() -> None:
        with (
            library(home) as opened,
            closing(open_database(home / "library.db")) as connection,
        ):
            living, loras = LivingLibrary(opened), LoraStore(home / "loras")
            events: list[JobEvent] = []
            workshop = FakeWorkshop(
                settings=Settings(),
                model=home,
                loras=loras,
                folder=lambda name: dataset_path(home / "datasets", name),
            )
            journal = TrainingJournal(connection)
            runs = TrainingRuns(workshop=workshop, journal=journal, emit=events.append)
            watch = TasteWatch(
                living,
                runs,
                folder=home / "datasets" / starred.NAME,
                trash=home / "trash",
                every=EVERY,
                settle_seconds=SETTLE_SECONDS,
            )
            living.start()
            if started:
                runs.start()
            watch.start()
            try:
                async with asyncio.timeout(60):
                    await body(
                        Stars(home=home, library=living, runs=runs, loras=loras, events=events)
                    )
            finally:
                await watch.stop()
                await runs.stop()
                await living.stop()

    asyncio.run(main())


def test_enough_stars_begin_a_training_and_say_why(tmp_path):
    async def body(home: Stars) -> None:
        await home.star("0", "1")
        await home.star("2", stars=3)
        await home.star("3", "4")
        await home.trained(1)
        accepted, why = home.events[:2]
        assert isinstance(accepted, Accepted)
        assert why == Notice(
            job=accepted.job,
            code=NoticeCode.STARS,
            text="4 more sounds have 4 stars or more: taste is trained on all 4",
        )
        assert home.loras.newest("taste").sounds == 4
        await home.star("5", "6", "7")
        await home.trained(2)
        assert home.whys[1].startswith("3 more")
        assert home.loras.newest("taste").sounds == 7

    watched(tmp_path, body)


def test_stars_that_are_given_one_after_the_other_are_one_training(tmp_path):
    async def body(home: Stars) -> None:
        for number in range(7):
            await home.star(str(number))
            await asyncio.sleep(SETTLE_SECONDS / 4)
        await home.trained(1)
        await home.star("7", "8", "9")
        await home.trained(2)
        assert [why[:6] for why in home.whys] == ["7 more", "3 more"]

    watched(tmp_path, body)


def test_stars_that_go_and_files_that_move_begin_none(tmp_path):
    async def body(home: Stars) -> None:
        await home.star("0", "1", "2", "3")
        await home.trained(1)
        samples = home.home / "samples"
        await home.star("0", stars=0)
        await home.star("1", stars=5)
        (samples / "deep").mkdir()
        (samples / "1.wav").rename(samples / "deep" / "renamed 1.wav")
        (samples / "copy.wav").write_bytes((samples / "2.wav").read_bytes())
        await eventually(lambda: _knows(home, "deep/renamed 1.wav", "copy.wav"))
        await home.star("copy")
        await home.star("0")
        await home.star("4", "5")
        await asyncio.sleep(3 * SETTLE_SECONDS)
        assert len(home.of(Accepted)) == 1
        await home.star("6")
        await home.trained(2)
        assert home.whys[1] == "3 more sounds have 4 stars or more: taste is trained on all 7"

    watched(tmp_path, body)


def _knows(home: Stars, *paths: str) -> bool:
    found = {sound.path for sound in home.library.sounds.search(Query(stars=0)).sounds}
    return found.issuperset(paths)


def test_the_next_daemon_does_not_train_on_the_same_stars(tmp_path):
    async def first(home: Stars) -> None:
        await home.star("0", "1", "2")
        await home.trained(1)
        await home.star("3", "4")

    async def second(home: Stars) -> None:
        await home.library.settled.wait()
        await asyncio.sleep(3 * SETTLE_SECONDS)
        assert home.events == []
        await home.star("5")
        await home.trained(1)
        assert home.whys == ["3 more sounds have 4 stars or more: taste is trained on all 6"]

    watched(tmp_path, first)
    watched(tmp_path, second)


def test_stars_that_were_given_while_no_daemon_ran_count(tmp_path):
    async def nothing(home: Stars) -> None:
        await home.library.settled.wait()

    async def body(home: Stars) -> None:
        await home.trained(1)
        assert home.whys == ["3 more sounds have 4 stars or more: taste is trained on all 3"]

    watched(tmp_path, nothing)
    with library(tmp_path) as opened:
        for number in range(3):
            opened.mark(f"{number}.wav", stars=4)
    watched(tmp_path, body)


def test_a_training_that_was_stopped_with_its_daemon_is_begun_again_by_the_next(tmp_path):
    async def stopped(home: Stars) -> None:
        await home.star("0", "1", "2")
        await eventually(lambda: home.of(Accepted))  # it waits, and never runs

    async def body(home: Stars) -> None:
        await home.trained(1)
        assert home.loras.newest("taste").sounds == 3

    watched(tmp_path, stopped, started=False)
    watched(tmp_path, body)


def test_while_it_is_trained_further_stars_wait_for_the_next_time(tmp_path):
    (tmp_path / "datasets" / "taste").mkdir(parents=True)
    (tmp_path / "datasets" / "taste" / "mine.wav").write_bytes(foreign(100))

    async def body(home: Stars) -> None:
        await home.library.settled.wait()
        if not home.of(Accepted):
            await eventually(lambda: home.of(Accepted))
        await home.star("0", "1", "2")
        await asyncio.sleep(3 * SETTLE_SECONDS)
        assert [type(event) for event in home.events] == [Accepted]
        home.runs.start()
        await home.trained(2)
        kinds = [type(e) for e in home.events if isinstance(e, Accepted | Done | Failed)]
        assert kinds == [Accepted, Done, Accepted, Done]
        assert home.loras.newest("taste").sounds == 4

    watched(tmp_path, body, started=False)


def test_a_disk_that_is_full_is_tried_again_at_the_next_star(tmp_path, monkeypatch):
    collect = starred.collect_starred
    fulls = [DiskFullError("no space left"), RuntimeError("a fault")]

    def troubled(*arguments, **options):
        if fulls:
            raise fulls.pop()
        return collect(*arguments, **options)

    monkeypatch.setattr(starred, "collect_starred", troubled)

    async def body(home: Stars) -> None:
        await home.star("0", "1", "2")
        await eventually(lambda: len(fulls) == 1)
        await home.star("3")
        await eventually(lambda: not fulls)
        await home.star("4")
        await home.trained(1)
        assert home.whys == ["5 more sounds have 4 stars or more: taste is trained on all 5"]

    watched(tmp_path, body)
