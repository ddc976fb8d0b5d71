"""Jobs with LoRAs: each gets its own blend, none hears of another's, and copies are told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from oneshot_server.domain.events import NoticeCode
from oneshot_server.domain.finish_options import FinishOptions
from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.domain.requests import Batch, GenerateRequest, LoraWeight
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.engine.__main__ import render as answer
from oneshot_server.engine.batches import Group
from oneshot_server.engine.job_loras import JobLoras
from oneshot_server.engine.messages import Message, Render, RenderDone, Rendered, RenderFailed
from oneshot_server.engine.messages import RenderNotice as Told
from oneshot_server.engine.render_job import JobRenderer
from oneshot_server.errors import BadArgumentsError, ErrorCode, ModelError, NotFoundError
from oneshot_server.library.wav_metadata import extract
from oneshot_server.pipeline.draw import Draw
from oneshot_server.pipeline.lora_file import read_lora
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.nearest import TRAINING_SOUNDS_FILE, image_features
from oneshot_server.pipeline.nearest import write_training_sounds as write_sounds
from oneshot_server.pipeline.prompt import Words, complete
from oneshot_server.pipeline.render import Sounds
from tests.unit.pipeline.lora_files import CONV, PROJ, TO_Q, bits, unet_output, write_lora
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model


def tone(hertz: float) -> torch.Tensor:
    seconds = torch.arange(PROFILE.samples) / PROFILE.sample_rate
    return torch.exp(-seconds / 0.05) * torch.sin(2 * torch.pi * hertz * seconds)


KICK = tone(50)
FIGURES = TrainingFigures(held_out=1, held_out_base=2, held_out_live=None, others=1, others_base=1)


class Versions:
    """A store of LoRAs in a folder; those with a card were trained here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cards: dict[tuple[str, int], LoraCard] = {}

    def adapter(self, name: str, version: int) -> Path:
        path = self.root / name / f"v{version}" / "adapter.safetensors"
        if not path.exists():
            raise NotFoundError(f'no LoRA "{name}" version {version}')
        return path

    def card(self, name: str, version: int) -> LoraCard | None:
        return self.cards.get((name, version))

    def add(self, name: str, version: int, model: Model, **options: object) -> Path:
        folder = self.root / name / f"v{version}"
        folder.mkdir(parents=True)
        return write_lora(folder / "adapter.safetensors", model, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(folder: Path) -> Model:
    return load_model(folder, torch.device("cpu"))


@pytest.fixture
def versions(tmp_path: Path, model: Model) -> Versions:
    store = Versions(tmp_path / "loras")
    store.add("my kicks", 1, model, seed=1, names=(TO_Q, CONV))
    store.add("my kicks", 2, model, seed=2, names=(TO_Q, CONV))
    store.add("djembe", 1, model, seed=3, names=(PROJ,))
    return store


def heard(draws: Sequence[Draw], model: Model, **_: object) -> Sounds:
    """A kick each, with what the UNet answers as its noise."""
    noise = unet_output(model).flatten()[: len(KICK)] * 0.01
    sound = KICK + torch.nn.functional.pad(noise, (0, len(KICK) - len(noise)))
    captions = tuple(draw.prompt for draw in draws)
    return Sounds(waveforms=sound.expand(len(draws), -1), captions=captions)


def work(*loras: tuple[str, float, int | None], **changes: object) -> Render:
    request = GenerateRequest(
        prompt="kick",
        loras=tuple(LoraWeight(name=n, weight=w, version=v) for n, w, v in loras),
        **changes,
    )
    return Render(job="j", request=request, finish=FinishOptions(), subtype="PCM_24")


def run(renderer: JobRenderer, job: Render) -> list[Message]:
    sent: list[Message] = []
    connection = SimpleNamespace(
        send=sent.append, end_cancelled=lambda _going: None, waited_for=lambda: None
    )
    answer(Group(jobs=(job,)), renderer, connection)
    return sent


def wavs(sent: list[Message]) -> list[bytes]:
    assert isinstance(sent[-1], RenderDone), sent[-1]
    return [message.wav for message in sent if isinstance(message, Rendered)]


JOBS = [
    work(("my kicks", 1.0, 1)),
    work(),
    work(("my kicks", -2.0, 2), ("djembe", 0.4, 1)),
    work(("djembe", 4.0, 1)),
    work(("my kicks", 0.0, 1)),
    work(("my kicks", 1.0, 1), count=2),
]


def test_jobs_one_after_the_other_sound_as_each_alone(folder, model, versions):
    def alone(job: Render) -> list[bytes]:
        fresh = load_model(folder, torch.device("cpu"))
        return wavs(run(JobRenderer(fresh, max_batch=4, loras=versions, render=heard), job))

    together = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    expected = [alone(job) for job in JOBS]
    assert len({tuple(sounds) for sounds in expected}) == len(JOBS)
    for _ in range(2):
        assert [wavs(run(together, job)) for job in JOBS] == expected


def test_a_replay_gives_the_same_bytes(model, versions):
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    (_, original) = wavs(run(renderer, work(("my kicks", 0.8, 1), ("djembe", -0.4, 1), count=2)))
    recipe = extract(original)
    run(renderer, work(("my kicks", 2.0, 2)))
    again = work(replay=Batch(seeds=recipe.batch.seeds, index=1))
    again = Render(
        job="again",
        request=replace(again.request, seed=recipe.seed, loras=recipe.loras),
        finish=recipe.finish,
        subtype=recipe.subtype,
    )
    assert wavs(run(renderer, again)) == [original]


def test_the_recipe_says_versions_weights_and_hashes(model, versions):
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    (wav,) = wavs(run(renderer, work(("my kicks", -0.5, 2), ("djembe", 1.5, 1))))
    recipe = extract(wav)
    assert recipe.loras == (
        LoraWeight(name="my kicks", weight=-0.5, version=2),
        LoraWeight(name="djembe", weight=1.5, version=1),
    )
    assert recipe.lora_hashes == (
        read_lora(versions.adapter("my kicks", 2)).sha256,
        read_lora(versions.adapter("djembe", 1)).sha256,
    )
    assert (recipe.nearest_db, recipe.near_copy) == (None, False)


def test_a_version_that_is_replaced_on_disk_is_read_again(model, versions):
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    before = wavs(run(renderer, work(("djembe", 1.0, 1))))
    write_lora(versions.adapter("djembe", 1), model, seed=9, names=(TO_Q, PROJ))
    assert wavs(run(renderer, work(("djembe", 1.0, 1)))) != before


def broken(versions: Versions, model: Model) -> dict[str, tuple[str, str]]:
    """Name of a LoRA that cannot be used to its error's code and a word of its text."""
    versions.add("cut", 1, model).write_bytes(b"abc")
    path = versions.add("other", 1, model)
    versions.cards["other", 1] = card(model, "other", base_model="big", base_hash="f" * 64)
    assert path.exists()
    return {
        "nowhere": (ErrorCode.NOT_FOUND, "nowhere"),
        "cut": (ErrorCode.ENGINE_FAILED, "damaged"),
        "other": (ErrorCode.ENGINE_FAILED, "big"),
    }


def card(model: Model, name: str, **changes: object) -> LoraCard:
    values = {
        "name": name,
        "version": 1,
        "base_model": "tiny",
        "base_hash": model.hash,
        "profile": PROFILE,
        "dataset_hash": "1" * 64,
        "sounds": 2,
        "rank": 2,
        "alpha": 2.0,
        "steps": 9,
        "seed": 0,
        "figures": FIGURES,
        "software": "test",
    }
    return LoraCard(**{**values, **changes})


def test_a_lora_that_cannot_be_used_ends_its_own_job_alone(model, versions):
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    base = bits(model)
    expected = wavs(run(renderer, work(("my kicks", 1.0, 1))))
    for name, (code, word) in broken(versions, model).items():
        sent = run(renderer, work(("djembe", 1.0, 1), (name, 1.0, 1)))
        (failed,) = sent
        assert isinstance(failed, RenderFailed)
        assert failed.code is code
        assert word in failed.text
        assert bits(model) == base
        assert wavs(run(renderer, work(("my kicks", 1.0, 1)))) == expected


def test_a_lora_without_a_version_is_refused(model, versions):
    with pytest.raises(BadArgumentsError, match="without a version"):
        JobLoras(model, versions).apply((LoraWeight(name="djembe", weight=1.0),))


def test_files_that_were_read_are_not_kept_for_ever(model, versions):
    loras = JobLoras(model, versions)
    for version in range(2, 20):
        versions.add("djembe", version, model)
        loras.apply((LoraWeight(name="djembe", weight=1.0, version=version),))
    assert len(loras._files._kept) <= 8


def remember(path: Path, sounds: list[torch.Tensor]) -> None:
    """What the LoRA of ``path`` was trained on."""
    features = image_features(waveform_to_mel(torch.stack(sounds), PROFILE))
    write_sounds(path.with_name(TRAINING_SOUNDS_FILE), features)


def exact(draws: Sequence[Draw], _model: Model, **_: object) -> Sounds:
    """The kick itself, half as loud and a few milliseconds late."""
    sound = 0.5 * torch.nn.functional.pad(KICK, (40, 0))[: len(KICK)]
    return Sounds(waveforms=sound.expand(len(draws), -1), captions=("",) * len(draws))


def test_a_near_copy_is_told_and_in_the_recipe(model, versions):
    remember(versions.adapter("my kicks", 1), [KICK, tone(300), tone(2000)])
    remember(versions.adapter("djembe", 1), [tone(400), tone(450), tone(1500)])
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=exact)
    sent = run(renderer, work(("djembe", 0.5, 1), ("my kicks", 0.5, 1)))
    recipe = extract(*wavs(sent))
    assert recipe.near_copy
    assert recipe.nearest_db < 1.0
    (notice,) = [message for message in sent if isinstance(message, Told)]
    assert notice.code is NoticeCode.NEAR_COPY
    assert 'sound 0 is a near copy of one that "my kicks" was trained on' in notice.text


def test_a_sound_of_its_own_carries_its_distance_and_no_notice(model, versions):
    remember(versions.adapter("djembe", 1), [tone(400), tone(450), tone(1500)])
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=exact)
    sent = run(renderer, work(("djembe", 1.0, 1), ("my kicks", 1.0, 1)))
    recipe = extract(*wavs(sent))
    assert recipe.nearest_db > 2.0
    assert not recipe.near_copy
    assert not [message for message in sent if isinstance(message, Told)]


def test_a_bare_prompt_is_filled_in_as_the_loras_sounds_were_called(model, versions):
    words = Words(classes=("kick",), phrases={}, exclusive=(), captions={"kick": (("acoustic",),)})
    starter = replace(model, words=words)
    versions.cards["my kicks", 1] = card(starter, "my kicks", captions=("kick hard", "deep kick"))
    loras = JobLoras(starter, versions)

    def told(weight: float) -> set[tuple[str, ...]]:
        applied = loras.apply((LoraWeight(name="my kicks", weight=weight, version=1),))
        words = applied.told(starter).words
        assert words is not None
        return {complete(("kick",), words, seed=seed) for seed in range(20)}

    assert told(0.5) == {("kick", "hard"), ("kick", "deep")}
    assert told(0.0) == told(-1.0) == {("kick", "acoustic")}
    assert loras.apply(()).told(starter) is starter


def test_a_lora_that_weighs_nothing_is_not_compared_with(model, versions):
    remember(versions.adapter("my kicks", 1), [KICK, tone(300)])
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=exact)
    (wav,) = wavs(run(renderer, work(("my kicks", 0.0, 1))))
    assert extract(wav).nearest_db is None


def test_damaged_training_sounds_are_remarked_on_and_the_lora_plays(model, versions):
    path = versions.adapter("my kicks", 1).with_name(TRAINING_SOUNDS_FILE)
    path.write_bytes(b"abc")
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=exact)
    sent = run(renderer, work(("my kicks", 1.0, 1)))
    (wav,) = wavs(sent)
    (notice,) = [message for message in sent if isinstance(message, Told)]
    assert notice.code is NoticeCode.FALLBACK
    assert str(path) in notice.text
    assert extract(wav).nearest_db is None


def test_the_base_is_in_the_model_after_an_error(model, versions):
    base = bits(model)
    loras = JobLoras(model, versions)
    loras.apply((LoraWeight(name="djembe", weight=1.0, version=1),))
    assert bits(model) != base
    with pytest.raises(NotFoundError):
        loras.apply((LoraWeight(name="djembe", weight=1.0, version=7),))
    assert bits(model) == base
    versions.adapter("djembe", 1).unlink()
    with pytest.raises((NotFoundError, ModelError)):
        loras.apply((LoraWeight(name="djembe", weight=1.0, version=1),))


def sampled(model: Model, versions: Versions, job: Render) -> tuple[str, int, float]:
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    recipe = extract(wavs(run(renderer, job))[0])
    return recipe.sampler, recipe.steps, recipe.guidance


def test_a_lora_of_few_steps_is_sampled_as_it_says_unless_the_request_says_otherwise(
    model, versions
):
    wish = versions.adapter("djembe", 1).with_suffix(".json")
    wish.write_text('{"sampler": "lcm", "steps": 4, "guidance": 1.0, "sd version": "SD1"}')
    assert sampled(model, versions, work(("djembe", 1.0, 1))) == ("lcm", 4, 1.0)
    both = work(("my kicks", 1.0, 1), ("djembe", 0.5, 1))
    assert sampled(model, versions, both) == ("lcm", 4, 1.0)
    asked = work(("djembe", 1.0, 1), steps=9, guidance=0.0)
    assert sampled(model, versions, asked) == ("lcm", 9, 0.0)
    without = ("dpmpp-2m", 4, 7.5)
    assert sampled(model, versions, work(("djembe", 0.0, 1))) == without
    assert sampled(model, versions, work(("my kicks", 1.0, 1))) == without


def test_a_wish_that_cannot_be_read_is_remarked_on_and_the_sound_is_made(model, versions):
    versions.adapter("djembe", 1).with_suffix(".json").write_text('{"steps": 1000}')
    renderer = JobRenderer(model, max_batch=4, loras=versions, render=heard)
    sent = run(renderer, work(("djembe", 1.0, 1)))
    assert len(wavs(sent)) == 1
    (told,) = (m for m in sent if isinstance(m, Told))
    assert told.code == NoticeCode.FALLBACK
    assert "adapter.json cannot be read" in told.text
    assert "$.steps" in told.text
