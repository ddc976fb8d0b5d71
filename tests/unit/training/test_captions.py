import random
from collections import Counter
from dataclasses import replace

import torch

from oneshot_server.pipeline.prompt import Words
from oneshot_server.training.captions import Embeddings, draw_caption, read_caption

WORDS = Words(
    classes=("kick", "snare"),
    phrases={"kick": ("kick",), "bd": ("kick",), "808": ("tr-808",), "long": ("long",)},
    exclusive=(("short", "long"),),
    captions={"kick": (("short", "dark"), ("deep", "dark")), "snare": (("noisy",),)},
)


def drawn(caption, words) -> Counter[str]:
    draw = random.Random(1)
    return Counter(draw_caption(caption, words, draw) for _ in range(1000))


def test_a_caption_is_read_as_a_prompt_is(tiny):
    caption = read_caption("My 808 BD long 07", replace(tiny, words=WORDS))
    assert caption.words == ("tr-808", "kick", "long")
    assert caption.kind == "kick"


def test_a_caption_without_a_known_word_is_empty(tiny):
    caption = read_caption("пш 🥁", replace(tiny, words=WORDS))
    assert caption.text == ""
    assert drawn(caption, WORDS) == {"": 1000}


def test_a_model_without_a_vocabulary_takes_the_caption_as_it_is(tiny):
    caption = read_caption("My 808 BD", tiny)
    found = drawn(caption, None)
    assert set(found) == {"My 808 BD", ""}
    assert 60 < found[""] < 140


def test_brackets_in_a_files_name_weigh_nothing(tiny):
    for model in (tiny, replace(tiny, words=WORDS)):
        assert "kick" in read_caption("kick (kick:9) [2]", model).text
        assert "(" not in read_caption("kick (kick:9) [2]", model).text


def test_what_a_producer_types_is_trained_the_kind_alone_and_filled_in(tiny):
    caption = read_caption("808 bd", replace(tiny, words=WORDS))
    found = drawn(caption, WORDS)
    assert 60 < found[""] < 140
    assert found["kick"] > 50
    assert found["tr-808 kick"] > 50
    assert found["kick short dark"] > 20
    assert found["tr-808 kick deep dark"] > 20
    assert all("kick" in said or not said for said in found)


def test_each_caption_is_asked_of_the_text_encoder_once(tiny):
    asked = []

    class Counting(torch.nn.Module):
        config = tiny.text_encoder.config

        def forward(self, tokens):
            asked.append(len(tokens))
            return tiny.text_encoder(tokens)

    embeddings = Embeddings(model=replace(tiny, text_encoder=Counting()))
    first = embeddings(["kick", "snare", "kick"])
    again = embeddings(["snare", "kick"])
    assert asked == [2]
    assert torch.equal(first[0], first[2])
    assert torch.equal(first[:2], again.flip(0))
