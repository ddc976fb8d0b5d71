"""What a producer asks for: LoRAs, their versions and weights."""

import msgspec
import pytest

from oneshot_server.domain.requests import GenerateRequest, LoraWeight, parse_loras
from oneshot_server.errors import BadArgumentsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ", []),
        ("mine", [("mine", 1.0, None)]),
        ("my kicks:1.0", [("my kicks", 1.0, None)]),
        ("a:0.8, b b : -2 ,c:4", [("a", 0.8, None), ("b b", -2.0, None), ("c", 4.0, None)]),
        ("name@3:0.8", [("name", 0.8, 3)]),
        ("my kicks@12", [("my kicks", 1.0, 12)]),
        ("plain@0:1", [("plain", 1.0, 0)]),
        ("drums@home:0.5", [("drums@home", 0.5, None)]),
        ("drums@home@2", [("drums@home", 1.0, 2)]),
        ("@3", [("@3", 1.0, None)]),
        ("x@1:0.5,x@2:0.5,x", [("x", 0.5, 1), ("x", 0.5, 2), ("x", 1.0, None)]),
        ("бочка 🥁:1e-1", [("бочка 🥁", 0.1, None)]),
    ],
)
def test_loras_are_read_with_weights_and_versions(text, expected):
    loras = parse_loras(text)
    assert [(lora.name, lora.weight, lora.version) for lora in loras] == expected


@pytest.mark.parametrize("weight", ["-2.01", "4.01", "nan", "inf", "-inf", "loud", "", "1:2:x"])
def test_a_weight_that_is_none_is_refused_with_what_is_expected(weight):
    with pytest.raises(BadArgumentsError, match="weight from -2 to 4"):
        parse_loras(f"mine:{weight}")


@pytest.mark.parametrize("text", ["a,a:0.5", "a@2,a@2:1", ":1", " :0.5"])
def test_a_name_twice_or_none_is_refused(text):
    with pytest.raises(BadArgumentsError, match="each name once"):
        parse_loras(text)


@pytest.mark.parametrize("weight", [-2.1, 4.1, float("nan"), float("inf")])
def test_no_lora_has_a_weight_out_of_range_however_it_is_made(weight):
    with pytest.raises(BadArgumentsError, match="expected -2 to 4"):
        LoraWeight(name="mine", weight=weight)


def test_a_request_of_before_loras_had_versions_is_still_read():
    old = b'{"prompt": "kick", "loras": [{"name": "mine", "weight": 0.5}]}'
    (lora,) = msgspec.json.decode(old, type=GenerateRequest).loras
    assert lora == LoraWeight(name="mine", weight=0.5, version=None)
