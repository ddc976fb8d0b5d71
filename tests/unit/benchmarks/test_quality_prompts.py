import pytest

from benchmarks.quality.prompts import PROMPTS, seen_prompts
from benchmarks.quality.sounds import CLASSES
from oneshot_server.domain.kinds import CLASS_PHRASES
from oneshot_server.pipeline.model_folder import STARTER, read_words
from oneshot_server.starter.synth import KINDS, synthesise


def test_every_class_has_prompts_of_its_own():
    assert {kind for _, kind in PROMPTS} == set(CLASSES)
    assert len({prompt for prompt, _ in PROMPTS}) == len(PROMPTS) >= 20
    assert set(CLASSES) <= set(CLASS_PHRASES)


@pytest.mark.parametrize("prompt", ["deep Kick-drum, short", "short deep kick-drum"])
def test_a_caption_in_another_order_is_no_new_prompt(prompt):
    assert seen_prompts([prompt, "kick"], ["short, deep kick-drum"]) == [prompt]


def test_what_the_synthesiser_can_write_is_no_new_prompt():
    import torch

    captions = [
        caption
        for kind in KINDS
        for caption in synthesise(
            kind,
            count=8,
            samples=8192,
            sample_rate=44_100,
            generator=torch.Generator().manual_seed(1),
        ).captions
    ]
    assert seen_prompts(captions, []) == captions
    assert seen_prompts(["electronic bright snare"], []) == ["electronic bright snare"]
    assert seen_prompts(["wobbly bright electronic snare", "bright snare"], []) == []


def test_no_prompt_is_a_caption_that_the_starter_knows():
    words = read_words(STARTER)
    assert words is not None
    captions = [
        " ".join((kind.replace("_", " "), *caption))
        for kind, known in words.captions.items()
        for caption in known
    ]
    assert seen_prompts([prompt for prompt, _ in PROMPTS], captions) == []
