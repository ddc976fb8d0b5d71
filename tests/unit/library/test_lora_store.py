import shutil
from dataclasses import replace

import pytest

from oneshot_server.domain.lora_card import LoraCard, TrainingFigures
from oneshot_server.errors import BadArgumentsError, ForbiddenError, ModelError, NotFoundError
from oneshot_server.library.lora_store import LoraStore
from tests.unit.dsp.profiles import PROFILE

FIGURES = TrainingFigures(
    held_out=0.3, held_out_base=0.4, held_out_live=None, others=0.2, others_base=0.2
)
CARD = LoraCard(
    name="?",
    version=0,
    base_model="starter",
    base_hash="0" * 64,
    profile=PROFILE,
    dataset_hash="1" * 64,
    sounds=30,
    rank=16,
    alpha=16.0,
    steps=100,
    seed=1,
    figures=FIGURES,
    software="test",
)


def publish(store, name, content=b"weights", card=CARD):
    staged = store.staging(name)
    (staged / "adapter.safetensors").write_bytes(content)
    return store.publish(name, staged, card)


def test_versions_are_counted_and_none_is_live_by_itself(tmp_path):
    store = LoraStore(tmp_path / "loras")
    assert (store.names(), store.versions("kicks"), store.newest("kicks")) == ([], [], None)
    first, second = publish(store, "kicks"), publish(store, "kicks", b"others")
    assert (first.name, first.version, second.version) == ("kicks", 1, 2)
    assert store.names() == ["kicks"]
    assert store.versions("kicks") == [first, second]
    assert store.newest("kicks") == second
    assert store.live_version("kicks") is None
    assert store.card("kicks", 2) == second
    assert store.adapter("kicks", 1).read_bytes() == b"weights"
    assert store.adapter("kicks", 2).read_bytes() == b"others"


def test_a_version_is_made_live_and_another_again(tmp_path):
    store = LoraStore(tmp_path)
    publish(store, "kicks")
    publish(store, "kicks")
    for version in (2, 1):
        store.make_live("kicks", version)
        assert LoraStore(tmp_path).live_version("kicks") == version
    with pytest.raises(NotFoundError, match="no version 3, expected one of: 1, 2"):
        store.make_live("kicks", 3)
    assert store.live_version("kicks") == 1


@pytest.mark.parametrize("live", ["9", "x", "", "1\0"])
def test_a_live_version_that_is_not_there_is_none(tmp_path, live):
    store = LoraStore(tmp_path)
    publish(store, "kicks")
    (tmp_path / "kicks" / "live").write_text(live)
    assert store.live_version("kicks") is None


def test_what_was_taken_away_is_never_numbered_again_by_a_gap(tmp_path):
    store = LoraStore(tmp_path)
    for _ in range(3):
        publish(store, "kicks")
    shutil.rmtree(tmp_path / "kicks" / "v2")
    assert publish(store, "kicks").version == 4


def test_another_tools_file_is_live_and_has_one_version(tmp_path):
    store = LoraStore(tmp_path)
    (tmp_path / "style.safetensors").write_bytes(b"x")
    (tmp_path / "not,sayable.safetensors").write_bytes(b"x")
    assert store.names() == ["style"]
    assert (store.live_version("style"), store.versions("style")) == (1, [])
    assert store.card("style", 1) is None
    assert store.adapter("style", 1) == tmp_path / "style.safetensors"
    with pytest.raises(NotFoundError, match="no version 2, expected one of: 1"):
        store.adapter("style", 2)
    store.make_live("style", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "not,sayable.safetensors",
        "style.safetensors",
    ]


@pytest.mark.parametrize("name", ["", "..", "../kicks", "/", "kicks/v1", ".work", "v1", "Kicks"])
def test_a_name_never_leads_anywhere(tmp_path, name):
    store = LoraStore(tmp_path / "loras")
    publish(store, "kicks")
    (tmp_path / "loras" / ".work").mkdir()
    with pytest.raises(NotFoundError, match="expected one of: kicks"):
        store.adapter(name, 1)
    assert store.live_version(name) is None


@pytest.mark.parametrize("name", ["a,b", "a:b", "a@2", "..", "a/b", "", " a", "a\nb", ".a"])
def test_a_name_that_cannot_be_said_is_refused_before_anything_is_made(tmp_path, name):
    store = LoraStore(tmp_path)
    for ask in (store.work, store.staging):
        with pytest.raises(BadArgumentsError, match="rename the folder"):
            ask(name)
    assert list(tmp_path.iterdir()) == []


def test_names_of_any_script_are_taken(tmp_path):
    store = LoraStore(tmp_path)
    for name in ("Мои бочки", "🥁👨‍👩‍👧", "x" * 250, "drums@home", "cafe\u0301"):
        assert publish(store, name).name == name
        store.make_live(name, 1)
        assert store.live_version(name) == 1
    assert store.live_version("caf\u00e9") == 1
    with pytest.raises(ForbiddenError, match="cannot be written"):
        store.staging("x" * 300)


def test_an_unfinished_training_is_no_lora(tmp_path):
    store = LoraStore(tmp_path)
    staged = store.staging("kicks")
    store.work("kicks").mkdir()
    assert store.names() == []
    with pytest.raises(NotFoundError, match="is missing"):
        store.publish("kicks", staged, CARD)
    (staged / "left").write_text("over")
    assert list(store.staging("kicks").iterdir()) == []


def test_a_damaged_card_is_said_and_spoils_no_other(tmp_path):
    store = LoraStore(tmp_path)
    publish(store, "kicks")
    good = publish(store, "kicks")
    (tmp_path / "kicks" / "v1" / "oneshot.json").write_text('{"name": 3}')
    with pytest.raises(ModelError, match=r"oneshot\.json cannot be read"):
        store.card("kicks", 1)
    assert store.versions("kicks") == [good]


def test_a_card_keeps_every_figure(tmp_path):
    card = replace(CARD, alpha=0.5, figures=replace(FIGURES, held_out_live=0.35))
    published = publish(LoraStore(tmp_path), "kicks", card=card)
    assert LoraStore(tmp_path).card("kicks", 1) == replace(card, name="kicks", version=1)
    assert published.figures.held_out_live == 0.35
