import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from benchmarks.quality.attributes import Heard
from benchmarks.quality.figures import (
    AttributeFigures,
    ClassFigures,
    Distances,
    Figures,
    PromptFigures,
    defect_shares,
)
from benchmarks.quality.report import lines
from benchmarks.quality.sheets import class_sheet, prompt_sheet
from benchmarks.quality.sounds import (
    CLASSES,
    ENVELOPE,
    Sounds,
    ceiling,
    finished,
    generated,
    recordings,
    waveforms_to_envelopes,
    way_of,
)
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.model_folder import STARTER
from oneshot_server.starter.dataset import UNSEEN_KITS
from oneshot_server.starter.synth import synthesise
from oneshot_server.starter.train import PROFILE

UNSEEN = min(UNSEEN_KITS)
ROWS = (
    ("kick__a.flac", "Kit", "kick"),
    ("kick__b.flac", UNSEEN, "kick"),
    ("bass__0_32_Acoustic_Bass_key28_v112.flac", "GM/melodic", "bass"),
    ("bass__0_33_Fingered_Bass_key28_v112.flac", "GM/melodic", "bass"),
    ("zap__a.flac", "Kit", "zap"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    generator = torch.Generator().manual_seed(1)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "kit", "class", "caption"))
        for path, kit, kind in ROWS:
            sound = synthesise(
                kind, count=1, samples=PROFILE.samples, sample_rate=44_100, generator=generator
            )
            soundfile.write(folder / path, sound.waveforms[0].numpy(), 44_100)
            rows.writerow((path, kit, kind, sound.captions[0]))
    return folder


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(STARTER, torch.device("cpu"))


@pytest.fixture(scope="module")
def made(model: Model) -> Sounds:
    return generated(model, way_of(model, "best", steps=2), 2, ("kick", "closed_hat"))


def test_a_source_is_a_kit_or_a_preset_of_many_instruments(data):
    real = recordings(data, PROFILE)
    assert [label.source for label in real.labels] == [
        "Kit",
        UNSEEN,
        "GM/melodic/0_32",
        "GM/melodic/0_33",
    ]
    assert real.unseen.tolist() == [False, True, False, False]


def test_the_ceiling_is_unseen_recordings_and_others_where_there_are_none(data, model):
    through = ceiling(data, model)
    assert [label.kind for label in through.labels] == ["kick", "bass", "bass"]
    assert through.labels[0].kit == UNSEEN
    real = recordings(data, PROFILE)
    same = real.where(np.array([False, True, True, True]))
    # Codec and inversion lose something, but less than one sound differs from another.
    assert ((through.mels - same.mels).abs().mean(dim=(1, 2)) > 0.05).all()
    nearest = torch.cdist(through.mels.flatten(1), real.mels.flatten(1), p=1).argmin(dim=1)
    assert nearest.tolist() == [1, 2, 3]


def test_sounds_are_rendered_class_by_class_and_each_seed_has_its_own(made):
    assert made.kinds.tolist() == ["kick", "kick", "closed_hat", "closed_hat"]
    assert not made.unseen.any()
    assert not torch.equal(made.mels[0], made.mels[1])
    assert made.of("closed_hat").features == pytest.approx(made.features[2:])


def test_a_way_is_the_models_own_but_for_what_is_given(model):
    card = model.card
    own = way_of(model, "best")
    assert asdict(own.sampling) == {
        "sampler": card.sampler,
        "steps": card.steps,
        "guidance": card.guidance,
    }
    other = way_of(model, "quick", sampler="ddim", steps=7, guidance=0.0)
    assert asdict(other.sampling) == {"sampler": "ddim", "steps": 7, "guidance": 0.0}
    few_steps = replace(model, card=replace(card, distilled_steps=4))
    assert way_of(few_steps, "quick").sampling.sampler == "distilled"
    assert way_of(few_steps, "best") == own


@pytest.mark.parametrize("level", [0.0, float("nan")])
def test_what_is_no_sound_is_counted_as_silent_and_stops_nothing(level):
    silence = finished(torch.full((PROFILE.samples,), level), PROFILE)
    sounds = Sounds(
        waveforms=[silence],
        features=np.zeros((1, 1)),
        envelopes=np.zeros((1, 1)),
        mels=torch.zeros(1, 1, 1),
        labels=(),
    )
    assert defect_shares(sounds, 44_100, PROFILE.samples)["silent"] == 1.0


def test_an_envelope_is_the_level_of_parts_below_the_loudest():
    waveform = torch.zeros(1, PROFILE.samples)
    waveform[0, :20] = 1.0
    half = PROFILE.samples // 2
    waveform[0, half:] = 0.01
    envelope = waveforms_to_envelopes(waveform, 44_100)[0]
    assert envelope.shape == (ENVELOPE,)
    assert envelope[0] == 0.0
    assert envelope[10] == -60.0
    # 0.01 all along, beside 20 of 88 samples of 1: 20 lg 0.01 - 10 lg (20/88)
    assert float(envelope[-1]) == pytest.approx(-40.0 + 6.43, abs=0.1)


def test_a_sheet_has_a_strip_for_each_class_and_column(made, tmp_path):
    path = tmp_path / "sheet.png"
    class_sheet([("recordings", made), ("starter", made)], PROFILE, path)
    pixels = np.asarray(Image.open(path).convert("L"))
    height = pixels.shape[0] // 13
    middle = pixels.shape[1] // 2
    # Kicks are in the first row of both columns; cowbells, which were not given, are nowhere.
    for column in (pixels[:, :middle], pixels[:, middle:]):
        assert (column[height // 2 : 3 * height // 2] < 60).mean() > 0.1
        assert (column[8 * height : 8 * height + height // 2, 120:] < 60).mean() < 0.01


def test_a_prompt_sheet_says_by_its_colour_what_came_out_wrong(made, tmp_path):
    def red(share: float) -> int:
        path = tmp_path / "prompts.png"
        prompt_sheet([("fat bd", "kick")], [made], [(share, "tom")], PROFILE, path)
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        return int(((pixels[..., 0] > 150) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60)).sum())

    assert red(0.25) > red(1.0) + 100


def class_of(**changes) -> ClassFigures:
    figures = ClassFigures(
        recordings=60,
        sources=12,
        unseen=9,
        named_real=0.8,
        named_unseen=0.75,
        named_ceiling=0.7,
        named=0.9,
        taken_for=("tom", 0.1),
        spectrum=Distances(made=3.0, trained=2.0, ceiling=0.5),
        envelope=Distances(made=3.0, trained=2.0, ceiling=0.5),
        diversity=1.0,
        diversity_ceiling=0.95,
        copies=0.01,
        copies_unseen=0.2,
        copies_ceiling=0.1,
    )
    return replace(figures, **changes)


def test_the_report_has_every_class_and_says_where_nothing_is_known():
    heard = Heard(count=8, of=8, correlation=0.5)
    nobody = Heard(count=0, of=0, correlation=None)
    classes = {kind: class_of() for kind in CLASSES}
    classes["bass"] = class_of(unseen=0, named_unseen=None, spectrum=None, copies_unseen=None)
    classes["clap"] = class_of(named=0.0)
    shares = dict.fromkeys(("silent", "clipped", "dc", "late", "click", "cut off"), 0.0)
    figures = Figures(
        model={"name": "starter", "hash": "0" * 64},
        way={"quality": "best", "steps": 13},
        count=10,
        classes=classes,
        frechet={"spectrum": 1.23, "envelope": 1.45},
        frechet_ceiling={"spectrum": 0.2, "envelope": 0.1},
        defects={"model": shares | {"late": 0.25}},
        sounds={"model": 180},
        attributes=(
            AttributeFigures(
                kind="kick", attribute="length", made=heard, real=heard, ceiling=nobody
            ),
        ),
        prompts=(PromptFigures(prompt="subby bd", kind="kick", named=0.5, taken_for=("tom", 0.5)),),
    )
    text = "\n".join(lines(figures))
    rows = {line[:11].strip(): line for line in text.splitlines()}
    assert {kind.replace("_", " ") for kind in CLASSES} <= set(rows)
    assert "*" in rows["bass"]
    assert rows["bass"].count(" - ") >= 2
    assert "    1.00   1.50 " in rows["mean"], "in units of the trained kits' own"
    assert " 0.00 |" in rows["clap"]
    assert " 0.85 |" in rows["mean"], "the mean of 17 times 0.9 and one 0"
    assert "25.0%" in rows["model"]
    assert json.loads(json.dumps(asdict(figures)))["classes"]["clap"]["named"] == 0.0
