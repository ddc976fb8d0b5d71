import math

import pytest

from oneshot_server.errors import BadArgumentsError, UnknownAddressError
from oneshot_server.transports.osc.decode import Message
from oneshot_server.transports.osc.parse import message_id, parse


def generate(*arguments: object) -> Message:
    return Message(address="/oneshot/generate", arguments=arguments)


def test_prompt_and_keys_are_read_in_any_order():
    parsed = parse(generate("a", " punchy kick ", "guidance", 3, "count", 4))
    assert parsed.arguments == {"id": "a", "prompt": "punchy kick"}
    assert parsed.keys == {"guidance": 3.0, "count": 4}
    assert isinstance(parsed.keys["guidance"], float)


def test_a_whole_float_is_taken_where_an_int_is_meant_as_pure_data_has_no_ints():
    parsed = parse(generate("a", "kick", "count", 4.0))
    assert parsed.keys == {"count": 4}
    assert isinstance(parsed.keys["count"], int)
    hit = parse(Message(address="/oneshot/pad/trigger", arguments=("a", 3.0, 1)))
    assert hit.arguments == {"id": "a", "pad": 3, "velocity": 1.0}


@pytest.mark.parametrize(
    "address", ["/oneshot/x", "/oneshot/*", "/oneshot/{ping,hello}", "/", "/ping"]
)
def test_other_addresses_are_unknown_and_the_known_ones_are_named(address):
    with pytest.raises(UnknownAddressError, match="/oneshot/generate"):
        parse(Message(address=address, arguments=("a",)))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "0 arguments, expected 2"),
        (("a",), "1 arguments, expected 2: id prompt"),
        ((1, "kick"), "id = 1, expected a string"),
        (("a", 7), "prompt = 7, expected a string"),
        (("a", ""), "prompt has 0 characters"),
        (("a", "   "), "prompt has 0 characters"),
        (("a", "x" * 10_000), "prompt has 10000 characters, expected .* 1 to 500"),
        (("a", "kick", "count"), "'count' stands alone"),
        (("a", "kick", "count", 0), "count = 0, expected an int from 1 to 64"),
        (("a", "kick", "count", 1_000_000), "count = 1000000"),
        (("a", "kick", "count", 2.5), r"count = 2.5, expected an int"),
        (("a", "kick", "count", math.inf), "count = inf, expected an int"),
        (("a", "kick", "count", True), "count = True"),
        (("a", "kick", "count", None), "count = None"),
        (("a", "kick", "steps", -1), "steps = -1"),
        (("a", "kick", "seed", 2**31), "seed = 2147483648"),
        (("a", "kick", "seed", -1), "seed = -1"),
        (("a", "kick", "guidance", math.nan), "guidance = nan"),
        (("a", "kick", "guidance", math.inf), "guidance = inf"),
        (("a", "kick", "guidance", "much"), "guidance = 'much', expected a float"),
        (("a", "kick", "seconds", 0.0), "seconds = 0.0"),
        (("a", "kick", "tempo", 120), "unknown key 'tempo', expected one of count, seed"),
        (("a", "kick", 5, 5), "unknown key 5"),
        (("a", "kick", "count", 1, "count", 2), "count came twice"),
        (("a", "kick", "pad", 64), "pad = 64, expected an int from 0 to 63"),
        (("x" * 201, "kick"), "id has 201 characters"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(arguments, complaint):
    with pytest.raises(BadArgumentsError, match=complaint):
        parse(generate(*arguments))


def test_too_many_arguments_are_refused_where_no_keys_may_follow():
    with pytest.raises(BadArgumentsError, match="2 arguments, expected 1"):
        parse(Message(address="/oneshot/ping", arguments=("a", "b")))


@pytest.mark.parametrize("port", [0, 65_536, -1, "9331", 9331.5, 65_536.0])
def test_a_reply_port_is_a_port(port):
    with pytest.raises(BadArgumentsError, match="reply_port"):
        parse(Message(address="/oneshot/hello", arguments=("a", port)))


@pytest.mark.parametrize(("first", "expected"), [("a", "a"), (1, ""), ("x" * 999, "")])
def test_an_error_carries_the_id_if_there_is_a_proper_one(first, expected):
    assert message_id(Message(address="/x", arguments=(first,))) == expected
    assert message_id(Message(address="/x", arguments=())) == ""
