from io import BytesIO

import numpy as np
import pytest
import soundfile
import torch

from oneshot_server.domain.requests import GenerateRequest
from oneshot_server.domain.reshape import Morph, Parent, Vary
from oneshot_server.engine import parents as module
from oneshot_server.engine.parents import ParentReader
from oneshot_server.errors import BadArgumentsError, NotFoundError, RenderCancelledError
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.pipeline.model import load_model
from tests.unit.pipeline.tiny_model import PROFILE, write_tiny_model
from tests.unit.training.making import RATE, hit, write_hit


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(write_tiny_model(tmp_path_factory.mktemp("m") / "tiny"), torch.device("cpu"))


@pytest.fixture
def reader(model):
    return ParentReader(model)


def read(reader, request):
    return reader.read(request, lambda: None)


def vary(path, **known):
    reshape = Vary(strength=0.5, parents=(Parent(name=path.name, told="kick", **known),))
    return GenerateRequest(prompt="", reshape=reshape, parent_files=(str(path),))


def test_a_request_without_sounds_begins_from_noise(reader):
    assert read(reader, GenerateRequest(prompt="kick")) is None


def test_what_was_read_is_said_for_the_recipe_and_no_path_is_in_it(reader, tmp_path):
    path = write_hit(tmp_path / "a.wav", 100.0)
    found = read(reader, vary(path))
    sha256 = hash_audio(BytesIO(path.read_bytes()))
    assert found.reshape.parents == (Parent(name="a.wav", told="kick", sha256=sha256),)
    assert found.remarks == ()
    assert found.start.latents.shape == (1, 4, 8, 8)
    assert str(tmp_path) not in repr(found.reshape)


def test_a_replay_takes_the_audio_that_its_recipe_names_and_no_other(reader, tmp_path):
    path = write_hit(tmp_path / "a.wav", 100.0)
    sha256 = hash_audio(BytesIO(path.read_bytes()))
    assert read(reader, vary(path, sha256=sha256)).reshape.parents[0].sha256 == sha256
    write_hit(path, 200.0)
    with pytest.raises(NotFoundError, match=f"a.wav has audio of SHA-256 .*, expected {sha256}"):
        read(reader, vary(path, sha256=sha256))


def test_a_file_that_was_taken_away_since_is_not_found(reader, tmp_path):
    with pytest.raises(NotFoundError, match=r"gone\.wav.*no such file"):
        read(reader, vary(tmp_path / "gone.wav"))


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "unreadable"), (b"hello", "unreadable"), (None, "silent")]
)
def test_what_is_no_sound_is_refused_by_its_name(reader, tmp_path, content, what):
    path = tmp_path / "b.wav"
    if content is None:
        soundfile.write(path, np.zeros(1000), 44_100)
    else:
        path.write_bytes(content)
    with pytest.raises(BadArgumentsError, match=rf"b\.wav: .*{what}.*WAV, AIFF") as caught:
        read(reader, vary(path))
    assert str(tmp_path) not in str(caught.value)


def test_of_a_long_sound_the_beginning_is_heard_and_that_is_said(reader, tmp_path):
    path = write_hit(tmp_path / "long.wav", 100.0, seconds=2.0, decay=1.0)
    remark = f"long.wav has 2.00 s, the model hears the first {PROFILE.seconds:.2f}"
    assert read(reader, vary(path)).remarks == (remark,)
    assert read(reader, vary(path)).remarks == (remark,)  # also when it was kept


def test_a_sound_is_encoded_once_for_many_jobs_and_only_the_last_are_kept(
    reader, tmp_path, monkeypatch
):
    encoded = []
    encode = module.waveform_to_parent
    monkeypatch.setattr(module, "waveform_to_parent", lambda *a: encoded.append(1) or encode(*a))
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    a, b, c = (write_hit(tmp_path / f"{hz}.wav", hz) for hz in (100.0, 200.0, 300.0))

    def morph(t, *files):
        parents = tuple(Parent(name=file.name) for file in files)
        reshape = Morph(t=t, parents=parents)
        request = GenerateRequest(prompt="", reshape=reshape, parent_files=tuple(map(str, files)))
        read(reader, request)

    for t in (0.0, 0.5, 1.0):
        morph(t, a, b)
    assert len(encoded) == 2
    morph(0.5, b, c)
    morph(0.5, b, b)
    assert len(encoded) == 3
    morph(0.5, a, b)
    assert len(encoded) == 4


def test_a_recorders_offset_hides_no_onset(reader, tmp_path):
    quiet = np.concatenate([np.zeros(20_000), hit(100.0)]).astype(np.float32)
    soundfile.write(tmp_path / "plain.wav", quiet, RATE)
    soundfile.write(tmp_path / "offset.wav", 0.8 * quiet + 0.1, RATE)
    plain, offset = (
        read(reader, vary(tmp_path / name)).start.heard.waveform
        for name in ("plain.wav", "offset.wav")
    )
    assert float((plain - offset).norm() / plain.norm()) < 0.1


def test_it_can_be_stopped_before_each_sound(reader, tmp_path):
    path = write_hit(tmp_path / "a.wav", 100.0)

    def stop():
        raise RenderCancelledError

    with pytest.raises(RenderCancelledError):
        reader.read(vary(path), stop)
