"""``oneshot midi`` without a daemon, with rtmidi's fake; the daemon's part is in integration."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from oneshot_server.cli import app
from oneshot_server.transports.midi import port_access
from oneshot_server.transports.midi.fake_rtmidi import FakeRtMidi


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> FakeRtMidi:
    studio = FakeRtMidi()
    monkeypatch.setitem(sys.modules, "rtmidi", studio)  # type: ignore[arg-type]
    monkeypatch.setattr(port_access, "SETTLE_SECONDS", 0.0)
    return studio


def midi(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["midi", *arguments, "--home", str(home)])


def test_ports_are_listed_without_a_daemon(studio: FakeRtMidi, tmp_path: Path) -> None:
    studio.sources, studio.sinks = ["Keys"], ["Pads"]
    assert "Keys" in midi(tmp_path, "ports").stdout
    lines = [json.loads(line) for line in midi(tmp_path, "ports", "--json").stdout.splitlines()]
    assert lines == [
        {"name": "Keys", "detail": "input, coremidi"},
        {"name": "Pads", "detail": "output, coremidi"},
    ]


def test_no_ports_are_told(studio: FakeRtMidi, tmp_path: Path) -> None:
    assert midi(tmp_path, "ports").stdout.startswith("no MIDI ports")


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["note", "36", "101", "--channel", "10"], [b"\x99\x24\x65", b"\x89\x24\x40"]),
        (["cc", "20", "64", "--channel", "1"], [b"\xb0\x14\x40"]),
        (["program", "3", "--channel", "16"], [b"\xcf\x03"]),
        (["start"], [b"\xfa"]),
    ],
)
def test_a_message_is_sent_to_the_port_that_is_meant(
    arguments: list[str], sent: list[bytes], studio: FakeRtMidi, tmp_path: Path
) -> None:
    studio.sinks = ["Other", "oneshot-server in"]
    result = midi(tmp_path, "send", *arguments)
    assert result.exit_code == 0, result.output
    assert [studio.sent.get_nowait() for _ in sent] == [("oneshot-server in", x) for x in sent]
    assert studio.sent.empty()


def test_a_port_that_is_not_there_is_an_error_that_names_those_that_are(
    studio: FakeRtMidi, tmp_path: Path
) -> None:
    studio.sinks = ["Other"]
    result = midi(tmp_path, "send", "note", "36")
    assert result.exit_code == 1
    assert 'no MIDI output is named "oneshot-server*": expected one of: Other' in result.stderr


@pytest.mark.parametrize("command", [["monitor"], ["learn", "pad.3"]])
def test_without_a_daemon_there_is_nothing_to_watch_or_teach(
    command: list[str], tmp_path: Path
) -> None:
    result = midi(tmp_path, *command)
    assert result.exit_code == 1
    assert f"no daemon runs in {tmp_path}" in result.stderr
