import os
from io import BytesIO

import numpy as np
import pytest
import soundfile

from oneshot_server.domain.reshape import Parent
from oneshot_server.errors import BadArgumentsError, ForbiddenError, NotFoundError
from oneshot_server.library import parent_files
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.parent_files import SoundFolders, find_parent, read_parent
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from tests.unit.library.test_wav_metadata import RECIPE

WAV = encode_wav(np.linspace(-0.5, 0.5, 1000), 44_100, "PCM_24")


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    for name in ("samples/kicks", "datasets/mine"):
        (home / name).mkdir(parents=True)
    (home / "samples" / "a.wav").write_bytes(WAV)
    (home / "samples" / "kicks" / "b.wav").write_bytes(WAV)
    (home / "datasets" / "mine" / "c.wav").write_bytes(WAV)
    (tmp_path / "secret.wav").write_bytes(WAV)
    return home


@pytest.fixture
def folders(home):
    return SoundFolders([home / "samples", home])


def test_what_is_in_the_folders_is_found_by_its_name_or_its_path(home, folders):
    assert folders.find("a.wav") == home / "samples" / "a.wav"
    assert folders.find("kicks/b.wav") == home / "samples" / "kicks" / "b.wav"
    assert folders.find(str(home / "samples" / "a.wav")) == home / "samples" / "a.wav"
    assert folders.find("../datasets/mine/c.wav") == home / "datasets" / "mine" / "c.wav"


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "../../secret.wav",
        "../../none.wav",
        "kicks/../../../secret.wav",
        "{home}/../secret.wav",
        "{home}-other/a.wav",
        "/",
        "..//..//secret.wav",
        "//etc/passwd",
    ],
)
def test_what_is_outside_is_forbidden_whether_it_is_there_or_not(home, folders, text):
    with pytest.raises(ForbiddenError, match="expected a sound in"):
        folders.find(text.format(home=home))


def test_links_that_lead_outside_are_forbidden_and_those_inside_are_followed(
    home, folders, tmp_path
):
    (home / "samples" / "out.wav").symlink_to(tmp_path / "secret.wav")
    (home / "samples" / "gone.wav").symlink_to(tmp_path / "none.wav")
    (home / "datasets" / "out").symlink_to(tmp_path)
    (home / "samples" / "in.wav").symlink_to(home / "datasets" / "mine" / "c.wav")
    for text in ("out.wav", "gone.wav", "../datasets/out/secret.wav"):
        with pytest.raises(ForbiddenError):
            folders.find(text)
    assert folders.find("in.wav") == home / "datasets" / "mine" / "c.wav"


def test_a_folder_may_be_a_link_itself_and_be_named_either_way(home, tmp_path):
    (tmp_path / "linked").symlink_to(home / "samples")
    folders = SoundFolders([tmp_path / "linked"])
    for text in ("a.wav", str(tmp_path / "linked" / "a.wav"), str(home / "samples" / "a.wav")):
        assert folders.find(text) == home / "samples" / "a.wav"


@pytest.mark.parametrize("text", ["none.wav", "a.wav/b.wav", "x" * 300, "x/" * 2000, "loop.wav"])
def test_what_is_not_there_is_not_found(home, folders, text):
    (home / "samples" / "loop.wav").symlink_to(home / "samples" / "loop.wav")
    with pytest.raises(NotFoundError, match="no such file"):
        folders.find(text)


def test_what_is_no_file_or_too_large_is_refused(home, folders, monkeypatch):
    os.mkfifo(home / "samples" / "pipe.wav")
    for text in ("", "kicks", "pipe.wav"):
        with pytest.raises(BadArgumentsError, match="is no file, expected a sound"):
            folders.find(text)
    with pytest.raises(BadArgumentsError, match="is no path"):
        folders.find("a\0.wav")
    monkeypatch.setattr(parent_files, "LARGEST_BYTES", 1000)
    with pytest.raises(BadArgumentsError, match="0 MB"):
        folders.find("a.wav")


def test_a_sound_of_ours_says_what_it_was_told_and_others_by_their_names(tmp_path):
    ours = tmp_path / "any name.wav"
    ours.write_bytes(embed(WAV, RECIPE))
    assert read_parent(ours) == (Parent(name="any name.wav", told=RECIPE.caption), RECIPE)
    theirs = tmp_path / "BigKick_03.flac"
    soundfile.write(theirs, np.zeros(100), 44_100)
    assert read_parent(theirs) == (Parent(name="BigKick_03.flac", told="big kick"), None)


def test_a_parent_is_found_wherever_it_was_moved_and_however_renamed(home, tmp_path):
    parent = Parent(name="was.wav", sha256=hash_audio(BytesIO(WAV)))
    child = tmp_path / "elsewhere" / "child.wav"
    assert find_parent(parent, [home / "datasets"], beside=child) == (
        home / "datasets" / "mine" / "c.wav"
    )
    (home / "samples" / "kicks" / "was.wav").write_bytes(embed(WAV, RECIPE))
    folders = [home / "samples", home / "datasets"]
    assert find_parent(parent, folders, beside=child).name == "was.wav"  # the name comes first
    assert find_parent(Parent(name="a.wav", sha256="0" * 64), folders, beside=child) is None
    assert find_parent(parent, [], beside=child) is None
    child.parent.mkdir()
    (child.parent / "was.wav").write_bytes(WAV)
    assert find_parent(parent, [], beside=child) == child.parent / "was.wav"


def test_a_parents_name_in_a_strangers_file_leads_nowhere(home, tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("../secret.wav", str(tmp_path / "secret.wav"), "..", "x\0y"):
        parent = Parent(name=name, sha256=hash_audio(BytesIO(WAV)))
        assert find_parent(parent, [], beside=tmp_path / "b" / "child.wav") is None
