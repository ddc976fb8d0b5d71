import msgspec
import pytest

from oneshot_server.domain.parameters import INPAINT_KEYS, RESHAPE_KEYS
from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Inpaint, Morph, Parent, Vary
from oneshot_server.errors import BadArgumentsError

A, B = Parent(name="a.wav", sha256="a" * 64), Parent(name="b.wav", told="snare")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: Vary(strength=1.1), "strength = 1.1, expected a float from 0 to 1"),
        (lambda: Vary(strength=float("nan")), "strength"),
        (lambda: Morph(t=-0.1), "t = -0.1"),
        (lambda: Inpaint(keep="middle"), "keep = 'middle', expected attack or tail"),
        (lambda: Inpaint(keep="tail", split=0.0), "split = 0.0"),
        (lambda: Vary(strength=0.5, parents=(A, B)), "2 parents, expected 1"),
        (lambda: Morph(t=0.5, parents=(A,)), "1 parents, expected 2"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(make, what):
    with pytest.raises(BadArgumentsError, match=what):
        make()


def test_a_request_has_as_many_files_as_its_kind_takes():
    with pytest.raises(BadArgumentsError, match="1 sounds to begin from, expected 2"):
        GenerateRequest(prompt="", reshape=Morph(t=0.5), parent_files=("a.wav",))


def test_a_prompt_is_needed_only_where_there_is_no_sound():
    assert GenerateRequest(prompt="", reshape=Vary(strength=0.5), parent_files=("a",)).prompt == ""
    with pytest.raises(BadArgumentsError, match="prompt"):
        GenerateRequest(prompt="")


@pytest.mark.parametrize(
    "reshape",
    [
        Vary(strength=0.25, parents=(A,)),
        Morph(t=0.5, parents=(A, B)),
        Inpaint(keep="tail", split=0.1, parents=(B,)),
    ],
)
def test_a_request_is_the_same_after_the_journal_and_after_the_way_to_the_engine(reshape):
    request = GenerateRequest(
        prompt="", reshape=reshape, parent_files=("/a.wav",) * len(reshape.parents)
    )
    for coding in (msgspec.json, msgspec.msgpack):
        assert coding.decode(coding.encode(request), type=GenerateRequest) == request


def test_what_an_older_version_has_journalled_is_read():
    old = b'{"prompt":"kick","count":2,"seed":7}'
    request = msgspec.json.decode(old, type=GenerateRequest)
    assert request == GenerateRequest(prompt="kick", count=2, seed=7)


@pytest.mark.parametrize(
    ("files", "title"),
    [
        (("/s/punchy_kick_2041.wav",), "punchy_kick"),
        (("/s/punchy_kick_2041-3.wav",), "punchy_kick"),
        (("/d/BD 808.aif", "/s/kick_7.wav"), "BD 808 to kick"),
        (("/d/909_12.wav",), "909"),
    ],
)
def test_a_sound_is_called_as_its_parents_without_their_seeds(files, title):
    reshape = Vary(strength=0.5) if len(files) == 1 else Morph(t=0.5)
    assert GenerateRequest(prompt="", reshape=reshape, parent_files=files).title == title
    named = GenerateRequest(prompt="zap", reshape=reshape, parent_files=files)
    assert named.title == "zap"


def test_every_key_is_a_field_of_the_request_or_is_said_apart():
    fields = set(GenerateRequest.__dataclass_fields__)
    assert {key.name for key in RESHAPE_KEYS} - fields == {"lora"}
    assert {key.name for key in INPAINT_KEYS} - fields == {"lora", "split"}
