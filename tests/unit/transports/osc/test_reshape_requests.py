import pytest

from oneshot_server.domain.requests import GenerateRequest, LoraWeight
from oneshot_server.domain.reshape import Inpaint, Morph, Vary
from oneshot_server.errors import BadArgumentsError
from oneshot_server.transports.osc.decode import Message, datagram_to_messages
from oneshot_server.transports.osc.encode import message
from oneshot_server.transports.osc.parse import parse
from oneshot_server.transports.osc.reshape_requests import parsed_to_reshape


def asked(address, *arguments):
    (received,) = datagram_to_messages(message(address, "a", *arguments))
    return parsed_to_reshape(parse(received))


def test_a_variation_by_its_sound_and_how_far_from_it():
    assert asked("/oneshot/vary", "kick_7.wav", 0.3, "count", 4, "seed", 9) == GenerateRequest(
        prompt="",
        count=4,
        seed=9,
        reshape=Vary(strength=0.3),
        parent_files=("kick_7.wav",),
    )


def test_a_morph_of_two_sounds_and_where_it_is_between_them():
    request = asked("/oneshot/morph", "/a.wav", "b.wav", 1, "seed", 9, "prompt", "zap")
    assert request == GenerateRequest(
        prompt="zap", seed=9, reshape=Morph(t=1.0), parent_files=("/a.wav", "b.wav")
    )


def test_an_inpainting_says_what_is_kept_and_where_it_ends():
    request = asked("/oneshot/inpaint", "a.wav", "tail", "split", 0.1, "lora", "x@2:0.5")
    assert request.reshape == Inpaint(keep="tail", split=0.1)
    assert request.loras == (LoraWeight(name="x", weight=0.5, version=2),)
    assert asked("/oneshot/inpaint", "a.wav", "attack").reshape == Inpaint(keep="attack")


def test_without_a_seed_each_request_is_another_one():
    seeds = {asked("/oneshot/vary", "a.wav", 0.5).seed for _ in range(4)}
    assert len(seeds) > 1


@pytest.mark.parametrize(
    ("address", "arguments", "complaint"),
    [
        ("/oneshot/vary", ("a.wav",), "2 arguments, expected 3: id path strength"),
        ("/oneshot/vary", ("a.wav", 1.5), "strength = 1.5, expected a float from 0 to 1"),
        ("/oneshot/vary", (7, 0.5), "path = 7, expected a string"),
        ("/oneshot/vary", ("a.wav", float("nan")), "strength"),
        ("/oneshot/vary", ("a.wav", 0.5, "pad", 3), "unknown key 'pad'"),
        ("/oneshot/vary", ("a.wav", 0.5, "split", 0.1), "unknown key 'split'"),
        ("/oneshot/morph", ("a.wav", "b.wav", "half"), "t = 'half'"),
        ("/oneshot/inpaint", ("a.wav", "middle"), "keep = 'middle', expected attack or tail"),
        ("/oneshot/inpaint", ("a.wav", "tail", "split", 0.0), "split = 0.0, expected"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(address, arguments, complaint):
    with pytest.raises(BadArgumentsError, match=complaint):
        parse(Message(address=address, arguments=("a", *arguments)))
