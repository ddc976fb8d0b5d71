import pytest

from oneshot_server.domain.pads import PAD_KEYS
from oneshot_server.errors import BadArgumentsError
from oneshot_server.transports.midi.targets import (
    NUMBERS,
    BankChoice,
    KitChoice,
    LoraAmount,
    PadHit,
    PadNumber,
    check_ends,
    parse_target,
)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("pad.3", PadHit(pad=3)),
        ("pad.63", PadHit(pad=63)),
        ("pad.3.level", PadNumber(pad=3, key="level")),
        ("pad.last.tune", PadNumber(pad="last", key="tune")),
        ("pads.level", PadNumber(pad="all", key="level")),
        ("lora.my kicks 2.0", LoraAmount(name="my kicks 2.0")),
        ("kit.house", KitChoice(name="house")),
        ("kits", KitChoice(name=None)),
        ("bank.3", BankChoice(bank=3)),
    ],
)
def test_a_target_is_read_and_written_alike(text, target):
    assert parse_target(text) == target
    assert str(target) == text


NONE = (
    "|pad|pad.|pad.64|pad.-1|pad.00123|pad.x|pad.³|pad.3.|pad.3.prompt|pad.3.level.x|pads|"
    "pads.name|lora.|kit.|kits.x|bank.4|bank|x.y"
)


@pytest.mark.parametrize("text", NONE.split("|"))
def test_what_is_no_target_is_refused(text):
    with pytest.raises(BadArgumentsError, match="expected"):
        parse_target(text)


def test_every_number_of_a_pad_can_be_moved_over_its_useful_range():
    for key in PAD_KEYS:
        if key.kind is str:
            assert key.name not in NUMBERS
        else:
            target = PadNumber(pad=0, key=key.name)
            check_ends(target, *target.ends)


def test_ends_beyond_the_range_are_refused():
    with pytest.raises(BadArgumentsError, match=r"-99 for pad\.0\.level, expected -40 to 0"):
        check_ends(PadNumber(pad=0, key="level"), -99.0, 0.0)
