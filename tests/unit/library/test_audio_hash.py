"""One hash of a sound, whoever asks: the index, and what is made of it."""

from io import BytesIO

import numpy as np
import pytest
import soundfile

from oneshot_server.library import audio_hash
from oneshot_server.library.riff import CHUNK
from oneshot_server.library.sound_file import read_sound
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed
from tests.unit.library.test_wav_metadata import RECIPE

WAV = encode_wav(np.linspace(-0.5, 0.5, 1000), 44_100, "PCM_24")


def hash_audio(content: bytes) -> str:
    return audio_hash.hash_audio(BytesIO(content))


def test_tags_do_not_change_a_wavs_hash_and_samples_do():
    tagged = embed(WAV, RECIPE)
    assert tagged != WAV
    assert hash_audio(tagged) == hash_audio(WAV)
    other = encode_wav(np.linspace(-0.5, 0.4, 1000), 44_100, "PCM_24")
    rate = encode_wav(np.linspace(-0.5, 0.5, 1000), 48_000, "PCM_24")
    assert len({hash_audio(WAV), hash_audio(other), hash_audio(rate)}) == 3


def test_what_is_no_wav_or_a_broken_one_has_a_hash_too():
    hashes = {
        hash_audio(content) for content in (b"", b"fLaC", b"RIFF", WAV[:-20], b"RIFFxxxxWAVE")
    }
    assert len(hashes) == 5
    assert all(len(one) == 64 for one in hashes)


def test_a_file_is_hashed_piece_by_piece_to_the_same(monkeypatch):
    whole = hash_audio(WAV)
    monkeypatch.setattr(audio_hash, "BLOCK_BYTES", 7)
    assert hash_audio(WAV) == whole


@pytest.mark.parametrize(
    "after",
    [b"", CHUNK.pack(b"OSHT", 4) + b"{]}!", CHUNK.pack(b"LIST", 999) + b"INFO", b"junk" * 5],
    ids=["whole", "broken recipe", "a chunk cut short", "junk"],
)
def test_the_index_and_recipes_know_a_sound_by_the_same_hash(tmp_path, after):
    """Else a file that some program left odd would be no parent of what was made from it."""
    path = tmp_path / "a.wav"
    path.write_bytes(WAV + after)
    assert read_sound(path, tmp_path).content == hash_audio(path.read_bytes())


def test_what_is_no_wav_is_known_by_the_same_hash(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.linspace(-0.5, 0.5, 1000), 44_100)
    assert read_sound(path, tmp_path).content == hash_audio(path.read_bytes())
