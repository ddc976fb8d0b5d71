"""Kits as files: read strictly, written whole, never overwritten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneshot_server.domain.pads import Kit, Pad
from oneshot_server.errors import BadArgumentsError, ForbiddenError, NotFoundError
from oneshot_server.library.kit_store import BUILT_IN, KitStore, kit_to_toml, read_kit
from oneshot_server.pipeline.model_folder import STARTER, read_words
from oneshot_server.pipeline.prompt import understand

KIT = Kit(
    name="mine", about="a few", pads={0: Pad(prompt="kick"), 63: Pad(prompt="hat", tune=-2.5)}
)


@pytest.fixture
def store(tmp_path):
    return KitStore(tmp_path / "kits")


def test_a_kit_comes_back_as_it_was_saved(store):
    store.save(KIT)
    assert store.read("mine") == KIT
    assert "mine" in store.names()


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip))
def test_any_text_survives_the_file(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("kits") / "kit.toml"
    kit = Kit(name="kit", pads={3: Pad(prompt="kick", name=text)})
    path.write_text(kit_to_toml(kit), encoding="utf-8", newline="")
    assert read_kit(path) == kit


@pytest.mark.parametrize("name", sorted(path.stem for path in BUILT_IN.iterdir()))
def test_each_built_in_kit_names_sixteen_pads_in_words_that_the_starter_knows(name, store):
    kit = store.read(name)
    assert sorted(kit.pads) == list(range(16))
    assert kit.about
    assert len({pad.name for pad in kit.pads.values()}) == 16
    words = read_words(STARTER)
    for pad in kit.pads.values():
        said = understand(pad.prompt, words)
        assert said.words
        assert said.unknown == (), pad.prompt


def test_there_are_the_four_that_are_promised(store):
    assert store.names() == ["acoustic", "house", "noise", "trap"]
    assert store.is_built_in("house")


def test_saving_over_a_kit_keeps_every_older_one(store, tmp_path):
    for tune in (1.0, 2.0, 3.0):
        store.save(Kit(name="mine", pads={0: Pad(prompt="kick", tune=tune)}))
    backups = tmp_path / "kits" / ".backups"
    assert [read_kit(backups / f"mine-{n}.toml").pad(0).tune for n in (1, 2)] == [1.0, 2.0]
    assert store.read("mine").pad(0).tune == 3.0
    assert store.names().count("mine") == 1


def test_a_saved_kit_stands_for_the_built_in_one_of_its_name(store):
    store.save(Kit(name="house", pads={0: Pad(prompt="kick")}))
    assert len(store.read("house").pads) == 1
    assert not store.is_built_in("house")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[pads.0]\ntune = ", "line 2: Invalid value"),
        ("[pads.64]\nprompt = 'kick'", "pad = 64, expected an int from 0 to 63"),
        ("[pads.kick]\nprompt = 'kick'", "pad = 'kick', expected an int"),
        ("[pads.3]\ncolour = 'red'", r"\[pads.3\] unknown key 'colour', expected one of name"),
        ("[pads.3]\ntune = 99", r"\[pads.3\] tune = 99.0, expected a float from -24 to 24"),
        ("[pads.3]\ntune = 'up'", r"\[pads.3\] tune = 'up', expected a float"),
        (
            "[pads.3]\nseed_policy = 'often'",
            r"\[pads.3\] seed_policy = 'often', expected new, fixed or walk",
        ),
        ("pads = 3", "pads is no table"),
        ("[pads]\n3 = 'kick'", "pads.3 is no table"),
        ("about = 3", "about = 3, expected a string"),
        ("tempo = 3", "'tempo' is no known key, expected about and pads"),
    ],
)
def test_a_complaint_names_file_pad_and_key_or_the_line(text, complaint, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(BadArgumentsError, match=rf"broken\.toml: .*{complaint}"):
        read_kit(path)


@pytest.mark.parametrize("name", ["../house", "/etc/passwd", "", ".", "house.toml", "kits/house"])
def test_a_name_from_outside_is_never_a_path(name, store):
    with pytest.raises(NotFoundError, match="expected one of: acoustic, house"):
        store.read(name)


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", " x", "x" * 81, "a\\b", "con:"])
def test_a_kit_is_not_saved_under_a_name_that_no_file_can_have(name, store):
    with pytest.raises(ForbiddenError):
        store.save(Kit(name=name, pads={}))


def test_a_kit_is_renamed_unless_the_name_is_taken_or_it_is_built_in(store):
    store.save(KIT)
    store.rename("mine", "ours")
    assert store.read("ours").pads == KIT.pads
    store.rename("ours", "OURS")
    for old, new in (("OURS", "house"), ("house", "x"), ("OURS", "../x")):
        with pytest.raises(ForbiddenError):
            store.rename(old, new)
    with pytest.raises(NotFoundError):
        store.rename("mine", "x")
