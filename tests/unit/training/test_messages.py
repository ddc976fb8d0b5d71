import pytest

from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.errors import ErrorCode
from oneshot_server.training.messages import (
    Finished,
    Prepared,
    Progress,
    TrainingFailed,
    decode_line,
    encode_line,
)
from tests.unit.pipeline.tiny_model import PROFILE

CARD = LoraCard(
    name="my kicks",
    version=0,
    base_model="tiny",
    base_hash="ab",
    profile=PROFILE,
    dataset_hash="cd",
    sounds=3,
    rank=4,
    alpha=4.0,
    steps=10,
    seed=1,
    figures=TrainingFigures(
        held_out=0.1, held_out_base=0.2, held_out_live=None, others=0.3, others_base=0.3
    ),
    software="oneshot-server 0",
)


@pytest.mark.parametrize(
    "message",
    [
        Prepared(used=3, skipped=(("кик 🥁.wav", "silent"),)),
        Progress(step=1, steps=2, loss=0.5, seconds_left=1.0, device="cpu"),
        Finished(card=CARD, seconds=3.0),
        TrainingFailed(code=ErrorCode.DISK_FULL, text="no\nspace"),
    ],
)
def test_a_message_is_one_line_and_comes_back(message):
    line = encode_line(message)
    assert line.count(b"\n") == 1
    assert decode_line(line) == message


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"\xff\xfe", b"Launching on 2 GPUs\n", b"{}\n", b'{"type":"Boo"}\n', b"[1]", b"3"],
)
def test_a_line_that_is_no_message_is_none(line):
    assert decode_line(line) is None
