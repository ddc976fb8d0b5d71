import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from oneshot_server.domain.core import ReserveStatus
from oneshot_server.domain.events import Accepted, Cancelled, EngineState, JobId, Notice
from oneshot_server.domain.library import LibraryChange
from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.domain.requests import Batch, GenerateRequest, LoraWeight
from oneshot_server.domain.reshape import Morph, Parent, Vary
from oneshot_server.errors import BadArgumentsError, ForbiddenError, NotFoundError
from oneshot_server.jobs import core as module
from oneshot_server.jobs.blend import Blend
from oneshot_server.jobs.core import OneshotCore
from oneshot_server.jobs.event_bus import EventBus
from oneshot_server.jobs.journal import Journal, JournalledSound
from oneshot_server.jobs.kit_desk import KitDesk
from oneshot_server.jobs.pad_bank import PadBank
from oneshot_server.jobs.queue import JobQueue
from oneshot_server.library.database import open_database
from oneshot_server.library.kit_store import KitStore
from oneshot_server.library.parent_files import SoundFolders
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from oneshot_server.starter.train import PROFILE
from oneshot_server.transports.fake_library import FakeLibrary, sound
from tests.unit.cli.test_render_command import RECIPE as OTHER_MODELS
from tests.unit.jobs.fakes import FakePublisher, FakeRenderer

RECIPE = replace(OTHER_MODELS, model_hash="0" * 64)


class FakeLoras:
    def __init__(self) -> None:
        self.live = {"mine": 2}

    def names(self) -> list[str]:
        return list(self.live)

    def live_version(self, name: str) -> int | None:
        return self.live.get(name)

    def make_live(self, name: str, version: int) -> None:
        self.live[name] = version

    def versions(self, name: str) -> list[LoraCard]:
        return [card(1), card(2)]

    def adapter(self, name: str, version: int) -> object:
        if name not in self.live or version not in {1, 2}:
            raise NotFoundError("no such version")
        return None

    def card(self, name: str, version: int) -> LoraCard:
        return card(version)


class FakeModels:
    name = "mine"

    def submit(self, name: str) -> JobId:
        return JobId(f"change {name}")

    def cancel(self, job: JobId) -> bool:
        return job.startswith("change")


class FakeTrainings:
    def submit(self, dataset: str) -> JobId:
        return JobId(f"training {dataset}")

    def cancel(self, job: JobId) -> bool:
        return job.startswith("training")

    def status(self) -> str:
        return "kicks 10%"


def card(version: int) -> LoraCard:
    figures = TrainingFigures(
        held_out=0.3, held_out_base=0.4, held_out_live=None, others=0.4, others_base=0.4
    )
    return LoraCard(
        name="mine",
        version=version,
        base_model="starter",
        base_hash="0" * 64,
        profile=PROFILE,
        dataset_hash="",
        sounds=30,
        rank=16,
        alpha=16,
        steps=100,
        seed=0,
        figures=figures,
        software="",
    )


@pytest.fixture
def loras() -> FakeLoras:
    return FakeLoras()


class OpenCore(OneshotCore):
    """A core whose queue a test can look into."""

    def queued(self) -> list[GenerateRequest]:
        return [job.request for job in self._queue._waiting]


@pytest.fixture
def core(tmp_path: Path, loras: FakeLoras) -> OpenCore:
    connection = open_database(":memory:")
    bus, journal, bank = EventBus(), Journal(connection), PadBank(connection)
    queue = JobQueue(
        renderer=FakeRenderer(),
        journal=journal,
        publisher=FakePublisher(tmp_path),
        bus=bus,
        limit=9,
    )
    queue._renderer.state = EngineState.LOADING
    return OpenCore(
        queue=queue,
        trainings=FakeTrainings(),
        models=FakeModels(),
        loras=loras,
        blend=Blend(connection, loras),
        bank=bank,
        pads=SimpleNamespace(status=ReserveStatus),
        reserve=SimpleNamespace(
            changed=lambda: None, level=lambda _number: (3, 4), trouble=lambda _number: ""
        ),
        desk=KitDesk(bank, KitStore(tmp_path / "kits"), loras),
        journal=journal,
        library=FakeLibrary(tmp_path),
        engine=SimpleNamespace(
            state=EngineState.READY, device="cpu", model="starter", model_hash="0" * 64
        ),
        bus=bus,
        sounds=SoundFolders([tmp_path / "samples", tmp_path]),
        folders={kind: tmp_path / kind for kind in ("datasets", "models")},
    )


def kick() -> GenerateRequest:
    return GenerateRequest(prompt="kick")


def test_the_sub_folders_of_the_home_are_listed(core, tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / "datasets" / name).mkdir(parents=True)
    (tmp_path / "datasets" / "file").touch()
    assert [item.name for item in core.list_items("datasets")] == ["a", "b"]


def test_a_folder_without_a_card_is_no_model(core, tmp_path):
    for name in ("mine", "rubbish"):
        (tmp_path / "models" / name).mkdir(parents=True)
    (tmp_path / "models" / "mine" / "oneshot.json").touch()
    starter, mine = core.list_items("models")
    assert (starter.name, starter.detail) == ("starter", "starter-128, built in")
    assert mine.name == "mine"
    assert mine.detail.startswith("loaded; cannot be used: ")


def test_a_change_of_the_model_is_taken_and_cancelled_by_its_job(core):
    assert core.change_model("mine") == "change mine"
    core.cancel(JobId("change mine"))


def test_a_blend_outlives_a_change_of_the_model_and_is_told_to_be_left_out(core):
    heard = []
    core.subscribe(heard.append)
    core.set_lora("mine", 0.5)
    core.submit(kick())
    core._engine.model_hash = "1" * 64
    core._engine.model = "other"
    core.submit(kick())
    core.submit(GenerateRequest(prompt="kick", loras=(LoraWeight(name="mine", weight=1.0),)))
    core._engine.model_hash = ""  # it loads: nobody can say yet
    core.submit(kick())
    assert [len(request.loras) for request in core.queued()] == [1, 0, 1, 1]
    (notice,) = [event for event in heard if isinstance(event, Notice)]
    assert notice.text == (
        "mine left out of the standing blend: trained on another model than other"
    )


def test_recent_sounds_have_the_names_that_they_have_now(core, tmp_path):
    for number in (1, 2, 3):  # the third was published a moment ago, and nobody has seen it yet
        path = tmp_path / f"kick_{number}.wav"
        path.touch()
        job = JobId(str(number))
        heard = JournalledSound(index=0, path=str(path), seed=number, seconds=0.5)
        core._journal.hit(job, kick(), heard)
    (tmp_path / "kick_1.wav").rename(tmp_path / "mine.wav")
    moved, known = sound(1, "mine.wav"), sound(2)
    core.library.change(LibraryChange(now=(known, moved)))
    assert [item.name for item in asyncio.run(core.recent())] == [
        "kick_3.wav",
        "kick_2.wav",
        "mine.wav",
    ]
    assert asyncio.run(core.recent())[2].detail == str(tmp_path / "mine.wav")


def test_nobody_waits_while_recent_sounds_are_looked_for(core):
    search, answers = core.library.sounds.search, []

    def slow(query):
        answered = threading.Event()
        loop.call_soon_threadsafe(answered.set)
        answers.append(answered.wait(10))
        return search(query)

    async def ask():
        nonlocal loop
        loop = asyncio.get_running_loop()
        await core.recent()

    loop = None
    core.library.sounds.search = slow
    asyncio.run(ask())
    assert answers == [True]


def test_an_unknown_list_is_answered_with_the_known_ones(core):
    with pytest.raises(BadArgumentsError, match="expected one of datasets, kits, loras"):
        core.list_items("x")


def test_a_job_is_accepted_with_the_versions_that_are_live_then(core, loras):
    core.submit(GenerateRequest(prompt="kick", loras=(LoraWeight(name="mine", weight=0.5),)))
    loras.make_live("mine", 1)
    core.submit(GenerateRequest(prompt="kick", loras=(LoraWeight(name="mine", weight=0.5),)))
    assert [request.loras[0].version for request in core.queued()] == [2, 1]


def test_a_lora_that_is_not_there_is_refused_with_those_that_are(core):
    request = GenerateRequest(prompt="kick", loras=(LoraWeight(name="x", weight=1),))
    with pytest.raises(NotFoundError, match='no LoRA is named "x", expected one of: mine'):
        core.submit(request)


def test_the_standing_blend_is_for_those_who_name_none(core):
    core.set_lora("mine", 0.25)
    core.submit(kick())
    core.submit(GenerateRequest(prompt="kick", loras=(LoraWeight(name="mine", weight=2),)))
    core.set_lora("mine", 0)
    core.submit(kick())
    weights = [[lora.weight for lora in request.loras] for request in core.queued()]
    assert weights == [[0.25], [2], []]


def test_a_replay_is_not_changed_by_the_standing_blend(core):
    core.set_lora("mine", 1)
    core.submit(GenerateRequest(prompt="kick", replay=Batch(seeds=(1,), index=0)))
    assert core.queued()[0].loras == ()


def test_a_standing_lora_that_was_taken_away_does_not_end_every_job(core, loras):
    core.set_lora("mine", 1)
    loras.live.clear()
    core.submit(kick())
    assert core.queued()[0].loras == ()


def test_the_loras_are_listed_with_their_versions(core):
    core.set_lora("mine", 0.5)
    (item,) = core.list_items("loras")
    assert item.name == "mine"
    assert item.detail.startswith("standing at 0.5; v2 live, 30 sounds, 0.30 dB from them")


def test_trainings_are_cancelled_as_jobs_are(core):
    core.cancel(core.train("kicks"))
    with pytest.raises(NotFoundError, match="not waiting or running"):
        core.cancel(JobId("nobody"))
    assert core.status().training == "kicks 10%"


def test_jobs_that_ended_long_ago_are_looked_up_in_the_journal(core, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED_JOBS", 2)
    _running, waiting = core.submit(kick()), core.submit(kick())
    ended = [core.submit(kick()) for _ in range(4)]
    for job in ended:
        core.cancel(job)
    assert core.history(waiting) == (Accepted(job=waiting),)
    for job in ended:
        assert tuple(core.history(job)) == (Accepted(job=job), Cancelled(job=job))
    assert core.history(JobId("nobody")) == ()


def test_kits_are_loaded_saved_listed_and_on_the_pads(core):
    core.load_kit("house")
    assert core.kit == "house"
    pads = core.list_items("pads")
    assert len(pads) == 16
    assert (pads[0].name, pads[0].detail) == ("0", "kick; reserve 3/4")
    core.set_pad(0, "prompt", "dark kick")
    assert core.pad(0).prompt == "dark kick"
    core.save_kit("mine")
    kits = {item.name: item.detail for item in core.list_items("kits")}
    assert kits["mine"] == "loaded; your own"
    assert kits["house"] == "built in"
    core.rename_kit("mine", "ours")
    assert core.kit == "ours"


def test_a_kit_in_a_bank_leaves_the_other_pads(core):
    core.load_kit("house")
    core.load_kit("trap", 2)
    assert core.pad(0).name == "kick"
    assert core.pad(32).name == "808"
    assert core.pad(48).empty


def test_a_pad_refuses_a_lora_that_is_not_there(core):
    with pytest.raises(NotFoundError, match="no LoRA is named"):
        core.set_pad(0, "lora", "other:1")
    assert core.pad(0).lora == ""


def write_sound(path: Path, loras: tuple[LoraWeight, ...] | None = None) -> Path:
    """A WAV; with ``loras`` one of ours, that was made with them."""
    path.parent.mkdir(exist_ok=True)
    wav = encode_wav(np.zeros(100, np.float32), 44_100, "PCM_16")
    path.write_bytes(wav if loras is None else embed(wav, replace(RECIPE, loras=loras)))
    return path


def vary(*files: str, **changes: object) -> GenerateRequest:
    reshape = Vary(strength=0.3) if len(files) == 1 else Morph(t=0.5)
    return GenerateRequest(prompt="", reshape=reshape, parent_files=files, **changes)


def test_a_variation_is_told_what_its_parent_was_told_and_has_its_loras(
    core: OpenCore, tmp_path: Path
) -> None:
    mine = LoraWeight(name="mine", weight=0.8, version=1)
    path = write_sound(tmp_path / "samples" / "kick_7.wav", (mine,))
    core.set_lora("mine", 0.3)
    core.submit(vary("kick_7.wav"))
    (request,) = core.queued()
    assert request.reshape.parents == (Parent(name="kick_7.wav", told="kick punchy short"),)
    assert request.parent_files == (str(path),)
    assert request.loras == (mine,)
    assert request.title == "kick"


def test_a_request_that_names_a_lora_is_not_given_its_parents(
    core: OpenCore, tmp_path: Path
) -> None:
    write_sound(tmp_path / "samples" / "a.wav", (LoraWeight(name="mine", weight=0.8, version=1),))
    core.submit(vary("a.wav", loras=(LoraWeight(name="mine", weight=-1.0),)))
    assert core.queued()[0].loras == (LoraWeight(name="mine", weight=-1.0, version=2),)


@pytest.mark.parametrize(
    "made_with",
    [
        (LoraWeight(name="gone", weight=1.0, version=1),),
        (LoraWeight(name="mine", weight=1.0, version=9),),
        (LoraWeight(name="mine", weight=1.0, version=1),) * 1000,
    ],
)
def test_what_a_parent_was_made_with_and_is_gone_is_left_to_the_standing_blend(
    core: OpenCore, tmp_path: Path, made_with: tuple[LoraWeight, ...]
) -> None:
    core.set_lora("mine", 0.3)
    write_sound(tmp_path / "samples" / "a.wav", made_with)
    core.submit(vary("a.wav"))
    assert core.queued()[0].loras == (LoraWeight(name="mine", weight=0.3, version=2),)


def test_parents_that_were_made_with_different_loras_share_none(
    core: OpenCore, tmp_path: Path
) -> None:
    write_sound(tmp_path / "samples" / "a.wav", (LoraWeight(name="mine", weight=0.8, version=1),))
    write_sound(tmp_path / "samples" / "b.wav", ())
    write_sound(tmp_path / "datasets" / "Big_Snare 03.wav")
    core.submit(vary("a.wav", "b.wav"))
    core.submit(vary("a.wav", str(tmp_path / "datasets" / "Big_Snare 03.wav")))
    for request in core.queued():
        assert request.loras == ()
    assert core.queued()[1].reshape.parents[1].told == "big snare"
    assert core.queued()[1].title == "a to Big_Snare 03"


def test_a_sound_outside_the_home_is_not_read_and_no_job_is_taken(
    core: OpenCore, tmp_path: Path
) -> None:
    with pytest.raises(ForbiddenError, match="/etc/passwd"):
        core.submit(vary("/etc/passwd"))
    with pytest.raises(NotFoundError, match="no such file"):
        core.submit(vary("none.wav"))
    assert core.queued() == []
