import os
import sys

import pytest

from oneshot_server.errors import NoMidiError
from oneshot_server.transports.midi import backend
from oneshot_server.transports.midi.backend import choose_backend, load_rtmidi


class Linux:
    """rtmidi as its wheel for Linux has it."""

    API_LINUX_ALSA = 2
    API_UNIX_JACK = 3

    @staticmethod
    def get_compiled_api():
        return [2, 3]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any MIDI; the test makes its files."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(backend, "SEQUENCER", tmp_path / "seq")
    monkeypatch.setattr(backend, "SOCKETS", tmp_path / "unix")
    monkeypatch.setattr(os, "getuid", lambda: 7, raising=False)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "stage")
    return tmp_path


HEAD = "Num       RefCount Protocol Flags    Type St Inode Path\n"
LISTENING = "0: 00000002 00000000 00010000 0001 01 {inode} /dev/shm/jack_stage_7_0\n"
CONNECTED = "0: 00000003 00000000 00000000 0001 03 12 /dev/shm/jack_stage_7_0\n"
OTHERS = "0: 00000002 00000000 00010000 0001 01 13 /dev/shm/jack_default_7_0\n0: 2 0 0 1 1 9\n"


def test_a_machine_without_midi_says_what_to_do(machine):
    with pytest.raises(NoMidiError) as caught:
        choose_backend("auto", Linux)
    assert caught.value.text == (
        f'no ALSA sequencer ({machine / "seq"}) and no JACK server "stage"'
    )
    assert caught.value.advice == "sudo modprobe snd-seq"


def test_a_sequencer_goes_before_jack(machine):
    (machine / "seq").touch()
    (machine / "unix").write_text(HEAD + LISTENING.format(inode=11))
    assert choose_backend("auto", Linux).name == "alsa"
    assert choose_backend("jack", Linux).name == "jack"


def test_without_permission_for_the_sequencer_the_group_is_named(machine, monkeypatch):
    (machine / "seq").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NoMidiError, match="usermod -aG audio"):
        choose_backend("alsa", Linux)


def test_a_jack_server_is_one_that_listens_and_each_start_is_another(machine):
    sockets = machine / "unix"
    sockets.write_text(HEAD + CONNECTED + OTHERS)
    with pytest.raises(NoMidiError, match='no JACK server "stage"'):
        choose_backend("jack", Linux)
    sockets.write_text(HEAD + CONNECTED + LISTENING.format(inode=11))
    first = choose_backend("auto", Linux)
    assert (first.name, first.server) == ("jack", "11")
    sockets.write_text(HEAD + LISTENING.format(inode=99))
    assert choose_backend("auto", Linux) != first


def test_a_backend_that_the_library_does_not_have_is_refused(machine):
    with pytest.raises(NoMidiError, match=r"no coremidi on this system: set midi\.backend"):
        choose_backend("coremidi", Linux)


def test_a_library_without_any_backend_says_so():
    class Nothing:
        @staticmethod
        def get_compiled_api():
            return [6]

    with pytest.raises(NoMidiError, match="built without any MIDI"):
        choose_backend("auto", Nothing)


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(NoMidiError, match="pip install python-rtmidi"):
        load_rtmidi()
