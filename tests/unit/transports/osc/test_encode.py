from dataclasses import replace

import pytest

from oneshot_server.domain.events import (
    Accepted,
    Cancelled,
    Done,
    Failed,
    JobId,
    Notice,
    NoticeCode,
    Progress,
    SampleImproved,
    SamplePublished,
)
from oneshot_server.errors import ErrorCode
from oneshot_server.transports.osc.decode import datagram_to_messages
from oneshot_server.transports.osc.encode import event_to_datagram, message
from oneshot_server.transports.osc.specs import ANSWERS

JOB = JobId("j")
LONG = "é\n😀" * 2000
EVENTS = (
    Accepted(job=JOB),
    Progress(job=JOB, fraction=1, stage="sampling"),
    Notice(job=JOB, code=NoticeCode.UNKNOWN_WORDS, text=LONG),
    SamplePublished(job=JOB, index=3, path="/a/b.wav", seed=2**31 - 1, seconds=1),
    SampleImproved(job=JOB, index=3, path="/a/b.wav", seed=2**31 - 1, seconds=1),
    Done(job=JOB, count=4, milliseconds=10**12),
    Failed(job=JOB, code=ErrorCode.DISK_FULL, text=LONG),
    Cancelled(job=JOB),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_has_the_types_that_the_table_says_and_fits_into_a_datagram(event):
    datagram = event_to_datagram(event, "id")
    assert len(datagram) < 1400
    address = datagram_to_messages(datagram)[0].address
    (answer,) = [answer for answer in ANSWERS if answer.address == address]
    tags = datagram.split(b",", 1)[1].split(b"\0", 1)[0].decode()
    assert tags == answer.types.replace(" ", "")


def test_a_draft_is_told_as_one_and_what_replaces_it_under_an_address_of_its_own():
    draft = SamplePublished(job=JOB, index=3, path="/k.wav", seed=7, seconds=0.5, draft=True)
    told = [
        datagram_to_messages(event_to_datagram(event))[0]
        for event in (replace(draft, draft=False), draft, draft.improved(0.75))
    ]
    assert [(one.address, one.arguments) for one in told] == [
        ("/oneshot/sample", ("j", 3, "/k.wav", 7, 0.5, 0)),
        ("/oneshot/sample", ("j", 3, "/k.wav", 7, 0.5, 1)),
        ("/oneshot/sample/better", ("j", 3, "/k.wav", 7, 0.75)),
    ]


def test_a_long_path_is_sent_whole():
    path = "/" + "p" * 1000 + ".wav"
    event = SamplePublished(job=JOB, index=0, path=path, seed=1, seconds=0.5)
    assert datagram_to_messages(event_to_datagram(event))[0].arguments[2] == path


def test_ints_are_held_within_32_bits():
    assert datagram_to_messages(message("/x", 2**40, -(2**40)))[0].arguments == (
        2**31 - 1,
        -(2**31),
    )
