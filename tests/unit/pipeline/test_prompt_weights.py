"""Weights in prompts."""

from pathlib import Path

import pytest
import torch

from oneshot_server.errors import BadArgumentsError
from oneshot_server.pipeline.model import Model, load_model
from oneshot_server.pipeline.prompt_weights import (
    parse_weights,
    prompt_to_embedding,
    without_weights,
)
from oneshot_server.pipeline.render import prompts_to_embeddings
from oneshot_server.pipeline.sampling import texts_to_embeddings
from tests.unit.pipeline.tiny_model import write_tiny_model

UP, DOWN = 1.1, 1 / 1.1


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("punchy kick", [("punchy kick", 1.0)]),
        ("(punchy:1.3) kick", [("punchy", 1.3), (" kick", 1.0)]),
        ("(punchy : .5 )kick", [("punchy ", 0.5), ("kick", 1.0)]),
        ("((x)) y", [("x", UP * UP), (" y", 1.0)]),
        ("[x] y", [("x", DOWN), (" y", 1.0)]),
        ("(a (b:2) [c]:1.5)", [("a ", 1.5), ("b", 3.0), (" ", 1.5), ("c", 1.5 * DOWN)]),
        (r"kick \(808\) \\ [\]]", [("kick (808) \\ ", 1.0), ("]", DOWN)]),
        ("kick :)", [("kick :)", 1.0)]),
        ("(kick", [("(kick", 1.0)]),
        ("a (b [c) d", [("a ", 1.0), ("b [c", UP), (" d", 1.0)]),
        ("((a)", [("(", 1.0), ("a", UP)]),
        ("a:1.3 b", [("a:1.3 b", 1.0)]),
        ("[a:1.3]", [("a:1.3", DOWN)]),
        ("hat 8:30", [("hat 8:30", 1.0)]),
        ("()", []),
        ("", []),
        ("\\", [("\\", 1.0)]),
        ("(x:0)", [("x", 0.0)]),
    ],
)
def test_prompts_are_read_as_producers_know_them(prompt, expected):
    found = [(fragment.text, fragment.weight) for fragment in parse_weights(prompt)]
    assert [text for text, _ in found] == [text for text, _ in expected]
    assert [w for _, w in found] == pytest.approx([w for _, w in expected])
    assert without_weights(prompt) == "".join(text for text, _ in expected)


@pytest.mark.parametrize("prompt", ["(kick:4.5)", "(kick:1e9)x", "(" * 200 + "kick" + ")" * 200])
def test_a_weight_beyond_all_measure_is_refused(prompt):
    if prompt == "(kick:1e9)x":  # no number in this notation
        assert parse_weights(prompt)[0].text == "kick:1e9"
        return
    with pytest.raises(BadArgumentsError, match=r"the weight of 'kick' in the prompt.*0 to 4"):
        parse_weights(prompt)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    return load_model(write_tiny_model(folder), torch.device("cpu"))


def test_a_weight_moves_its_own_tokens_away_from_the_empty_prompt_and_no_others(model):
    plain, empty = texts_to_embeddings(["ab cd", ""], model).unbind(0)
    weighted = prompt_to_embedding("(ab:1.5) cd", model)[0]
    # a byte a token: start, a, b, c, d, end
    torch.testing.assert_close(weighted[1:3], empty[1:3] + 1.5 * (plain[1:3] - empty[1:3]))
    torch.testing.assert_close(weighted[3:], plain[3:])
    torch.testing.assert_close(weighted[0], plain[0])


def test_a_prompt_without_weights_is_the_same_to_the_bit(model):
    for prompt in ("punchy kick", "", "kick :)"):
        assert torch.equal(prompt_to_embedding(prompt, model), texts_to_embeddings([prompt], model))
    assert torch.equal(
        prompt_to_embedding("(kick:1.0) x", model), texts_to_embeddings(["kick x"], model)
    )


def test_a_prompt_that_is_too_long_is_cut_like_any_other(model):
    long = "abcdefgh " * 30
    assert prompt_to_embedding(f"(a:2) {long}", model).shape == (1, 77, 32)
    one = prompt_to_embedding(f"(a:1.000001) {long}", model)
    torch.testing.assert_close(one, texts_to_embeddings([f"a {long}"], model), atol=1e-4, rtol=1e-4)


def test_a_batch_keeps_its_order(model):
    batch = prompts_to_embeddings(["(a:2)", "b", "(a:2)"], model)
    assert batch.shape == (3, 77, 32)
    assert torch.equal(batch[0], batch[2])
    torch.testing.assert_close(batch[1:2], texts_to_embeddings(["b"], model))
