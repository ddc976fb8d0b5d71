import os

import pytest

from oneshot_server.errors import NotFoundError
from oneshot_server.library.dataset_folder import (
    count_sounds,
    dataset_names,
    dataset_path,
    read_dataset,
)


def put(folder, name, content=b"sound"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def captions(folder):
    return {file.path: file.caption for file in read_dataset(folder).files}


def ignored(folder):
    return {file.path: file.why for file in read_dataset(folder).ignored}


def test_every_visible_sound_is_listed_in_order_and_nothing_else(tmp_path):
    for name in ("b.WAV", "a.aiff", "deep/er/c.flac", "d.ogg", "e.mp3"):
        put(tmp_path, name)
    for name in (".hidden.wav", "a.wav.asd", "notes.txt", ".git/x.wav", "__MACOSX/._a.wav"):
        put(tmp_path, name)
    manifest = read_dataset(tmp_path)
    assert [file.path for file in manifest.files] == [
        "a.aiff",
        "b.WAV",
        "d.ogg",
        "deep/er/c.flac",
        "e.mp3",
    ]
    assert manifest.ignored == ()
    assert count_sounds(tmp_path, 100) == len(manifest.files)
    assert count_sounds(tmp_path, 3) == 3


def test_content_decides_not_names_and_dates(tmp_path):
    one = put(tmp_path / "set", "kick.wav", b"one")
    before = read_dataset(tmp_path / "set").hash
    os.utime(one, (1, 1))
    assert read_dataset(tmp_path / "set").hash == before
    (tmp_path / "set").rename(tmp_path / "other")
    (tmp_path / "other").rename(tmp_path / "set")
    assert read_dataset(tmp_path / "set").hash == before
    put(tmp_path / "set", "kick.wav", b"two")
    changed = read_dataset(tmp_path / "set").hash
    assert changed != before
    extra = put(tmp_path / "set", "snare.wav")
    assert read_dataset(tmp_path / "set").hash not in {before, changed}
    extra.unlink()
    assert read_dataset(tmp_path / "set").hash == changed


def test_a_changed_caption_is_a_changed_dataset(tmp_path):
    put(tmp_path, "1.wav")
    before = read_dataset(tmp_path).hash
    put(tmp_path, "1.txt", b"warm kick")
    assert read_dataset(tmp_path).hash != before


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("KickLong_01.wav", "kick long my drums"),
        ("snares/tight/SN-3 (dry).wav", "sn dry tight snares my drums"),
        ("808 kick.wav", "808 kick my drums"),
        ("Бочка_2.wav", "бочка my drums"),
        ("🥁.wav", "my drums"),
        ("kick kick.wav", "kick my drums"),
    ],
)
def test_names_become_words_the_nearest_first(tmp_path, path, expected):
    put(tmp_path / "my drums", path)
    assert captions(tmp_path / "my drums") == {path: expected}


def test_captions_come_from_text_files_then_from_metadata(tmp_path):
    for name in ("1.wav", "2.wav", "deep/3.wav", "4.wav", "5.wav"):
        put(tmp_path, name, name.encode())
    put(tmp_path, "1.txt", b"\xef\xbb\xbfwarm  kick\r\n, short")
    put(tmp_path, "2.wav.txt", "тёплая бочка".encode("utf-16"))
    put(tmp_path, "metadata.csv", b'file_name,text,who\n1.wav,unused,x\n4.wav,"bright, snare",y\n')
    put(tmp_path, "deep/metadata.csv", b"file_name,text\n3.wav,tom\n../5.wav,stolen\n")
    found = captions(tmp_path)
    assert found["1.wav"] == "warm kick , short"
    assert found["2.wav"] == "тёплая бочка"
    assert found["4.wav"] == "bright, snare"
    assert found["deep/3.wav"] == "tom"
    assert found["5.wav"] != "stolen"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"name,words\n1.wav,kick\n", "columns file_name and text"),
        (b"", "columns file_name and text"),
        (b'file_name,text\n1.wav,"kick\n', "cannot be read"),
    ],
)
def test_metadata_that_is_none_is_said_and_the_sounds_are_used(tmp_path, content, why):
    put(tmp_path, "kick.wav")
    put(tmp_path, "metadata.csv", content)
    assert "kick" in captions(tmp_path)["kick.wav"]
    assert why in ignored(tmp_path)["metadata.csv"]


def test_links_that_lead_outside_and_what_is_no_file_are_left_out(tmp_path):
    folder, outside = tmp_path / "set", tmp_path / "outside"
    put(folder, "a.wav")
    secret = put(outside, "secret.wav", b"secret")
    (folder / "link.wav").symlink_to(secret)
    (folder / "inside.wav").symlink_to(folder / "a.wav")
    (folder / "broken.wav").symlink_to(folder / "nothing.wav")
    (folder / "folder").symlink_to(outside)
    (folder / "a.txt").symlink_to(secret)
    os.mkfifo(folder / "pipe.wav")
    assert [file.path for file in read_dataset(folder).files] == ["a.wav", "inside.wav"]
    assert "secret" not in captions(folder)["a.wav"]
    why = ignored(folder)
    assert why["link.wav"] == "a link that leads outside the dataset"
    assert why["folder"] == "a link to a folder"
    assert why["pipe.wav"] == "no regular file"
    assert why["broken.wav"].startswith("unreadable")


def test_a_dataset_is_found_by_its_name_alone(tmp_path):
    root = tmp_path / "datasets"
    for name in ("my kicks", "cafe\u0301", ".hidden"):
        (root / name).mkdir(parents=True)
    put(root, "loose.wav")
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    assert dataset_names(root) == ["cafe\u0301", "my kicks"]
    assert dataset_path(root, "my kicks") == root / "my kicks"
    assert dataset_path(root, "caf\u00e9") == root / "cafe\u0301"
    for name in ("..", "../outside", ".hidden", "link", "", "/", "my kicks/", "loose.wav", "\0"):
        with pytest.raises(NotFoundError, match="my kicks"):
            dataset_path(root, name)


def test_no_folder_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="was it removed"):
        read_dataset(tmp_path / "nothing")
    assert dataset_names(tmp_path / "nothing") == []
    with pytest.raises(NotFoundError, match="there is none yet"):
        dataset_path(tmp_path / "nothing", "x")
