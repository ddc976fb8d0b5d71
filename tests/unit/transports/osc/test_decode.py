import struct

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from oneshot_server.errors import BadArgumentsError
from oneshot_server.transports.osc.decode import Message, datagram_to_messages
from oneshot_server.transports.osc.encode import message
from tests.mutations import bundle, mutated_packets

PING = message("/oneshot/ping", "a")


def test_a_message_is_read_as_it_was_sent():
    datagram = message("/oneshot/x", "prompt", 3, 0.5)
    assert datagram_to_messages(datagram) == [
        Message(address="/oneshot/x", arguments=("prompt", 3, 0.5))
    ]


def test_a_message_without_type_tags_has_no_arguments():
    assert datagram_to_messages(b"/a\0\0") == [Message(address="/a", arguments=())]


def test_bundles_within_bundles_are_unpacked_whatever_their_timetags():
    future = bundle(PING, bundle(PING, PING), timetag=b"\xff" * 8)
    assert len(datagram_to_messages(future)) == 3


def test_doubles_and_64_bit_ints_are_read_as_numbers():
    builder = OscMessageBuilder("/x")
    builder.add_arg(0.25, "d")
    builder.add_arg(2**40, "h")
    assert datagram_to_messages(builder.build().dgram)[0].arguments == (0.25, 2**40)


def nested(depth: int) -> bytes:
    packet = PING
    for _ in range(depth):
        packet = bundle(packet)
    return packet


@pytest.mark.parametrize(
    ("datagram", "complaint"),
    [
        (b"", "expected an OSC message"),
        (b"hello", "expected an OSC message"),
        (b"/a", "broken"),
        (b"/\xff\xfe\0", "UTF-8"),
        (b"/x\0\0,b\0\0\0\0\0\1a\0\0\0", "type b"),
        (b"/x\0\0,[[[[[[\0", r"type \["),
        (b"/x\0\0," + b"i" * 203 + b"\0" * 4 + b"\0" * 812, "203 arguments"),
        (b"/" * 65_000, "65000 bytes"),
        (nested(200), "deep"),
        (bundle(*[PING] * 100), "100 messages"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", -8), "fits"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", 1000) + PING, "fits"),
        (b"#bundle\0" + b"\0" * 8 + b"\0\0", "fits"),
    ],
)
def test_nonsense_is_refused_and_named(datagram, complaint):
    with pytest.raises(BadArgumentsError, match=complaint):
        datagram_to_messages(datagram)


def test_mutated_packets_raise_nothing_but_bad_arguments():
    read = refused = 0
    for packet in mutated_packets(5000, seed=1):
        try:
            datagram_to_messages(packet)
            read += 1
        except BadArgumentsError:
            refused += 1
    assert read > 200
    assert refused > 1000
