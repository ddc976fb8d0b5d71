import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobEvent,
    JobId,
    LoraReady,
    Notice,
    NoticeCode,
    TrainingProgress,
)
from oneshot_server.errors import BusyError, ErrorCode, NotFoundError
from oneshot_server.library.database import open_database
from oneshot_server.library.dataset_folder import dataset_path
from oneshot_server.library.lora_store import LoraStore
from oneshot_server.settings import Settings
from oneshot_server.training.journal import TrainingJournal
from oneshot_server.training.runs import TrainingRuns
from oneshot_server.training.workshop import Workshop

TRAINER = str(Path(__file__).with_name("fake_trainer.py"))


class FakeWorkshop(Workshop):
    def command(self, specification: Path) -> list[str]:
        return [sys.executable, TRAINER, str(specification)]


@dataclass(kw_only=True)
class Rig:
    runs: TrainingRuns
    loras: LoraStore
    datasets: Path
    events: list[JobEvent] = field(default_factory=list)

    def put(self, name: str, content: bytes = b"sound") -> None:
        folder = self.datasets / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir()))}.wav").write_bytes(content)

    async def end(self, job: JobId) -> JobEvent:
        await eventually(lambda: self.ends(job))
        (end,) = self.ends(job)
        return end

    async def until(self, kind: type[JobEvent]) -> None:
        await eventually(lambda: self.of(kind))

    def ends(self, job: JobId) -> list[JobEvent]:
        ends = (Done, Failed, Cancelled)
        return [e for e in self.events if isinstance(e, ends) and e.job == job]

    def of(self, kind: type[JobEvent]) -> list[JobEvent]:
        return [event for event in self.events if isinstance(event, kind)]


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - files and processes raise no event
            await asyncio.sleep(0.01)


def run(
    tmp_path: Path,
    body: Callable[[Rig], Awaitable[None]],
    before: Callable[[Rig], None] = lambda _rig: None,
) -> None:
    async def main() -> None:
        datasets = tmp_path / "datasets"
        datasets.mkdir(exist_ok=True)
        (tmp_path / "loras").mkdir(exist_ok=True)
        loras = LoraStore(tmp_path / "loras")
        workshop = FakeWorkshop(
            settings=Settings(),
            model=tmp_path,
            loras=loras,
            folder=lambda name: dataset_path(datasets, name),
        )
        events: list[JobEvent] = []
        with closing(open_database(tmp_path / "library.db")) as connection:
            runs = TrainingRuns(
                workshop=workshop, journal=TrainingJournal(connection), emit=events.append
            )
            rig = Rig(runs=runs, loras=loras, datasets=datasets, events=events)
            before(rig)
            runs.start()
            try:
                await body(rig)
            finally:
                await runs.stop()

    asyncio.run(main())


def test_a_dataset_becomes_a_live_lora(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("my kicks")
        job = rig.runs.submit("my kicks")
        end = await rig.end(job)
        assert isinstance(end, Done)
        assert end.count == 1
        assert rig.events[0] == Accepted(job=job)
        assert rig.of(TrainingProgress)[0].fraction == 0.25
        assert rig.of(LoraReady) == [LoraReady(job=job, name="my kicks", version=1)]
        assert rig.loras.live_version("my kicks") == 1
        assert rig.loras.adapter("my kicks", 1).read_bytes() == b"weights"

    run(tmp_path, body)


def test_what_was_submitted_before_the_start_is_trained_once(tmp_path):
    def before(rig: Rig) -> None:
        rig.put("kicks")
        rig.runs.submit("kicks")

    async def body(rig: Rig) -> None:
        await rig.until(Done)
        await asyncio.sleep(0.1)
        assert rig.runs.status() == ""

    run(tmp_path, body, before)


def test_files_that_are_left_out_are_told_but_not_by_the_thousand(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("a")
        await rig.end(rig.runs.submit("a"))
        texts = [notice.text for notice in rig.of(Notice)]
        assert texts[0] == "bad.wav: silent"
        assert len(texts) == 11
        assert texts[-1].startswith("2 more files")

    run(tmp_path, body)


def test_a_version_that_is_no_better_is_kept_and_held(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("worse")
        assert isinstance(await rig.end(rig.runs.submit("worse")), Done)
        assert rig.of(LoraReady) == []
        assert rig.of(Notice)[-1].code is NoticeCode.HELD
        assert rig.loras.live_version("worse") is None
        assert [card.version for card in rig.loras.versions("worse")] == [1]
        rig.loras.make_live("worse", 1)
        assert rig.loras.live_version("worse") == 1

    run(tmp_path, body)


def test_a_dataset_is_trained_once_and_again_when_it_has_changed(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("a")
        for expected in (1, 1, 2):
            if expected == 2:
                rig.put("a", b"another")
            rig.runs.dataset_settled("a")
            await asyncio.sleep(0.2)
            await eventually(lambda: not rig.runs.status())
            assert len(rig.of(Accepted)) == expected
            assert len(rig.of(Done)) == expected
        assert rig.loras.live_version("a") == 2

    run(tmp_path, body)


def test_a_dataset_that_changes_restarts_its_own_training_and_no_other(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("slow")
        rig.put("b")
        rig.runs.dataset_settled("slow")
        await rig.until(TrainingProgress)
        rig.runs.submit("b")
        rig.put("slow", b"another")
        rig.runs.dataset_settled("slow")
        lives = tmp_path / "loras" / "slow" / ".work" / "lives"
        await eventually(lambda: lives.read_text() == "xx")
        (lives.parent / "enough").touch()
        slow, other = (event.job for event in rig.of(Accepted))
        assert isinstance(await rig.end(slow), Done)
        assert isinstance(await rig.end(other), Done)
        assert rig.loras.versions("slow")[0].sounds == 2
        assert len(rig.loras.versions("b")) == 1

    run(tmp_path, body)


def test_a_training_is_cancelled_while_it_runs_or_waits(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("slow")
        rig.put("b")
        first, second = rig.runs.submit("slow"), rig.runs.submit("b")
        await rig.until(TrainingProgress)
        assert rig.runs.status() == "slow 25%, 1 waiting"
        assert rig.runs.cancel(second)
        assert rig.runs.cancel(first)
        assert isinstance(await rig.end(first), Cancelled)
        assert isinstance(await rig.end(second), Cancelled)
        assert not rig.runs.cancel(JobId("nobody"))
        assert rig.loras.versions("slow") == []

    run(tmp_path, body)


def test_a_cancelled_training_begins_by_itself_only_when_its_dataset_has_changed(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("slow")
        rig.runs.dataset_settled("slow")
        await rig.until(TrainingProgress)
        (job,) = (event.job for event in rig.of(Accepted))
        rig.runs.cancel(job)
        assert isinstance(await rig.end(job), Cancelled)

    async def later(rig: Rig) -> None:
        rig.runs.dataset_settled("slow")
        await asyncio.sleep(0.3)
        assert rig.events == []
        rig.put("slow", b"another")
        rig.runs.dataset_settled("slow")
        await rig.until(Accepted)
        assert len(rig.of(Accepted)) == 1

    run(tmp_path, body)
    run(tmp_path, later)


def test_a_failure_is_told_with_its_code(tmp_path):
    async def body(rig: Rig) -> None:
        rig.put("broken")
        end = await rig.end(rig.runs.submit("broken"))
        assert isinstance(end, Failed)
        assert (end.code, end.text) == (ErrorCode.DISK_FULL, "no space left")

    run(tmp_path, body)


@pytest.mark.parametrize(("name", "end"), [("dies once", Done), ("dies", Failed)])
def test_a_trainer_that_dies_is_started_again_and_not_for_ever(tmp_path, name, end):
    async def body(rig: Rig) -> None:
        rig.put(name)
        ended = await rig.end(rig.runs.submit(name))
        assert isinstance(ended, end)
        if end is Failed:
            assert "died 3 times" in ended.text
            assert "as asked" in ended.text

    run(tmp_path, body)


def test_what_is_not_there_or_is_trained_already_is_refused(tmp_path):
    async def body(rig: Rig) -> None:
        with pytest.raises(NotFoundError):
            rig.runs.submit("../x")
        rig.put("slow")
        rig.runs.submit("slow")
        with pytest.raises(BusyError, match="is being trained already"):
            rig.runs.submit("slow")

    run(tmp_path, body)


def test_a_stopped_daemon_ends_every_training_and_the_next_one_begins_none(tmp_path):
    jobs = []

    async def body(rig: Rig) -> None:
        rig.put("slow")
        rig.put("b")
        jobs.extend([rig.runs.submit("slow"), rig.runs.submit("b")])
        await rig.until(TrainingProgress)
        await rig.runs.stop()
        ends = [rig.ends(job) for job in jobs]
        codes = [[event.code for event in ended] for ended in ends]
        assert codes == [[ErrorCode.CANCELLED_BY_SHUTDOWN]] * 2

    run(tmp_path, body)

    async def again(rig: Rig) -> None:
        assert rig.runs.status() == ""

    run(tmp_path, again)


def test_a_killed_daemons_trainings_are_taken_up_under_their_jobs(tmp_path):
    (tmp_path / "datasets" / "a").mkdir(parents=True)
    (tmp_path / "datasets" / "a" / "1.wav").write_bytes(b"sound")
    with closing(open_database(tmp_path / "library.db")) as connection:
        TrainingJournal(connection).accept(JobId("j"), "a")

    async def body(rig: Rig) -> None:
        assert isinstance(await rig.end(JobId("j")), Done)

    run(tmp_path, body)


def test_the_trainer_is_told_to_wait_and_to_go_on(tmp_path):
    async def body(rig: Rig) -> None:
        pause = rig.runs.workshop.pause_file
        rig.runs.give_way(wanted=True)
        assert pause.exists()
        rig.runs.give_way(wanted=False)
        assert not pause.exists()

    run(tmp_path, body)
