import csv
import math
import re

import pytest
import soundfile
import torch

from oneshot_server.dsp.image import image_to_mel
from oneshot_server.dsp.mel import waveform_to_mel
from oneshot_server.starter import dataset
from oneshot_server.starter.dataset import (
    FAVOURED,
    FEWEST_VARIANTS,
    LEAST_SHARE,
    MOST_VARIANTS,
    build_dataset,
    coloured_captions,
    draw_weights,
    pitched_caption,
    variants,
)
from oneshot_server.starter.synth import KINDS
from oneshot_server.starter.train import PROFILE


def tone(hertz: float) -> torch.Tensor:
    seconds = torch.arange(30_000, dtype=torch.float64) / 44_100
    return (torch.sin(2 * math.pi * hertz * seconds) * torch.exp(-4 * seconds)).float()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    rows = [
        ("bass", "kit", "long bass note A3, hard velocity", 220.0),
        ("kick", "kit", "deep kick", 60.0),
        ("tom", "kit", "melodic tom note C6", 150.0),
        ("tom", "exadrums", "unseen tom", 150.0),
    ]
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "kit", "class", "caption"])
        for number, (kind, kit, caption, hertz) in enumerate(rows):
            soundfile.write(folder / f"{number}.flac", tone(hertz).numpy(), 44_100)
            table.writerow([f"{number}.flac", kit, kind, caption])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "SYNTHESISED_PER_KIND", 0)
        return build_dataset(folder, PROFILE, torch.Generator().manual_seed(3))


def said_hertz(caption: str) -> float:
    found = re.search(r"(\d+) hz", caption)
    assert found is not None, caption
    return float(found[1])


def test_a_recording_of_few_stands_in_the_set_often_and_an_unseen_kit_never(built):
    assert FEWEST_VARIANTS < MOST_VARIANTS
    assert len(built.images) == len(built.captions) == built.recorded == 3 * MOST_VARIANTS
    assert {caption for _, caption in built.captions if "unseen" in caption} == set()


@pytest.mark.parametrize(("kind", "hertz"), [("bass", 220.0), ("kick", 60.0), ("tom", 150.0)])
def test_a_variant_says_the_pitch_that_it_was_moved_to(built, kind, hertz):
    """The note of a caption is that of the recording; of a drum the pitch is measured."""
    chosen = [i for i, (name, _) in enumerate(built.captions) if name == kind]
    said = [said_hertz(built.captions[i][1]) for i in chosen]
    assert said[0] == pytest.approx(hertz, rel=0.02)
    assert max(said) > 1.1 * min(said)
    assert not any("note" in built.captions[i][1] for i in chosen)
    mels = image_to_mel(built.images[chosen].float(), PROFILE)
    for heard, pitch in zip(mels, said, strict=True):
        expected = waveform_to_mel(
            torch.nn.functional.pad(tone(pitch), (0, PROFILE.samples))[None, : PROFILE.samples],
            PROFILE,
        )
        assert abs(int(heard[:, 4].argmax()) - int(expected[0, :, 4].argmax())) <= 1


def test_a_caption_without_a_pitch_loses_its_key_and_gains_nothing():
    assert pitched_caption("woodblock note C3, hard", 0.0) == "woodblock, hard"
    assert pitched_caption("long harp note F#4", 370.2) == "long harp, 370 hz"


def test_bright_is_said_of_what_is_bright_for_its_class_and_of_nothing_else():
    captions = [("hat", "bright closed hat")] * 4 + [("kick", "dark deep kick, 50 hz")] * 4
    centroids = torch.tensor([4000.0, 5000.0, 5100.0, 9000.0, 900.0, 400.0, 450.0, 100.0])
    said = [caption for _, caption in coloured_captions(captions, centroids)]
    assert said[:4] == ["dark closed hat", "closed hat", "closed hat", "bright closed hat"]
    assert said[4:] == [
        "bright deep kick, 50 hz",
        *["deep kick, 50 hz"] * 2,
        "dark deep kick, 50 hz",
    ]


def test_what_a_variant_is_called_is_heard_in_its_image(built):
    treble = (built.images.float()[:, 0, 64:] + 1.0).sum(dim=(1, 2))
    for kind in ("bass", "kick"):
        means = {
            word: treble[[k == kind and word in c.split() for k, c in built.captions]].mean()
            for word in ("bright", "dark")
        }
        assert means["bright"] > means["dark"]


def test_no_favoured_class_is_drawn_too_seldom():
    recordings = {"kick": 500, "fx": 200, "bell": 4, "brass": 40}
    kinds = [kind for kind, count in recordings.items() for _ in range(count)]
    recorded = len(kinds)
    kinds += [kind for kind in KINDS for _ in range(20)]
    weights = draw_weights(kinds, recorded, recordings)
    assert float(weights.sum()) == pytest.approx(1.0)
    shares = {
        kind: float(sum(w for w, k in zip(weights, kinds, strict=True) if k == kind))
        for kind in set(kinds)
    }
    for kind in FAVOURED & set(kinds):
        assert shares[kind] >= 0.8 * LEAST_SHARE, kind
    assert shares["kick"] > shares["bell"]
    assert shares["brass"] > 0.0
    by_hand = [
        float(weights[:recorded][[k == kind for k in kinds[:recorded]]].sum()) / shares[kind]
        for kind in ("kick", "bell", "brass")
    ]
    assert by_hand == pytest.approx([0.6, 4 / 12, 1.0])


def test_a_class_with_few_recordings_has_more_variants_of_each():
    assert [variants(count) for count in (1, 12, 20, 39, 100)] == [16, 16, 10, 6, 5]
