"""``oneshot doctor``: finds what is wrong, says what to do, and never falls over itself."""

import builtins
import json
import os
import shutil
import socket
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from oneshot_server.cli import app, device_check, doctor, home_checks, midi_check, python_checks
from oneshot_server.cli.check import Check, Level, failure, ok, warning
from oneshot_server.errors import ModelError
from oneshot_server.library.home import Home
from oneshot_server.pipeline import device as device_module
from oneshot_server.pipeline import model_folder, model_size
from oneshot_server.pipeline.device_plan import GIB, Kind, Machine, Size
from oneshot_server.settings import MidiSettings, Settings, load_settings
from oneshot_server.transports.midi.fake_rtmidi import FakeRtMidi


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def checks_of(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    def run(_: object) -> Iterator[Check]:
        yield from checks

    monkeypatch.setattr(doctor, "run_checks", run)


def test_a_warning_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    checks_of(monkeypatch, ok("a", "fine"), warning("midi", "no inputs", "plug one in"))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok       a          fine",
        "warning  midi       no inputs",
        "                    -> plug one in",
    ]


def test_a_failure_ends_with_1_after_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    checks_of(monkeypatch, failure("a", "broken", "mend it"), ok("b", "fine"))
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ok": False,
        "checks": [
            {"name": "a", "level": "failure", "text": "broken", "advice": "mend it"},
            {"name": "b", "level": "ok", "text": "fine", "advice": ""},
        ],
    }


def test_all_checks_run_on_a_home_that_is_not_there_and_make_none(tmp_path: Path) -> None:
    root = tmp_path / "none"
    checks = {check.name: check for check in doctor.run_checks(root)}
    assert not root.exists()
    assert list(checks)[:2] == ["python", "packages"]
    for name in ("python", "packages", "config", "folders", "torch"):
        assert checks[name].level is Level.OK, checks[name]
    assert {"disk", "port", "model", "midi", "torchaudio"} <= checks.keys()


def test_what_is_wrong_comes_with_what_to_do(tmp_path: Path) -> None:
    for check in doctor.run_checks(tmp_path):
        assert (check.level is Level.OK) == (not check.advice)


def test_a_broken_config_is_told_and_the_rest_still_checked(home: Home) -> None:
    home.config.write_text('[osc]\nport = "abc"', encoding="utf-8")
    check, settings = home_checks.check_config(home)
    assert check.level is Level.FAILURE
    assert 'osc.port = "abc", expected an int from 1 to 65535' in check.text
    assert settings == Settings()


def test_a_port_that_another_program_has_is_told(home: Home) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        home.config.write_text(f"[osc]\nport = {other.getsockname()[1]}", encoding="utf-8")
        check = home_checks.check_port(home, load_settings(home.config))
    assert check.level is Level.FAILURE
    assert "osc.port" in check.advice
    assert home_checks.check_port(home, load_settings(home.config)).level is Level.OK


def test_a_page_whose_port_is_taken_is_a_warning(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        home.config.write_text(f"[web]\nport = {other.getsockname()[1]}", encoding="utf-8")
        check = home_checks.check_page(home, load_settings(home.config))
    assert check.level is Level.WARNING
    assert "web.port" in check.advice
    assert home_checks.check_page(home, load_settings(home.config)).level is Level.OK
    home.config.write_text("[web]\nenabled = false", encoding="utf-8")
    assert "not served" in home_checks.check_page(home, load_settings(home.config)).text


def test_a_host_that_is_none_is_told(home: Home) -> None:
    home.config.write_text('[osc]\nhost = "256.1.1.1..x"', encoding="utf-8")
    assert home_checks.check_port(home, load_settings(home.config)).level is Level.FAILURE


def test_a_daemon_that_runs_is_well(home: Home) -> None:
    with home.lock():
        check = home_checks.check_port(home, Settings())
    assert check.level is Level.OK
    assert f"process {os.getpid()}" in check.text


def test_a_samples_folder_that_cannot_be_made_is_told(home: Home) -> None:
    home.config.write_text('[samples]\nfolder = "/nowhere/sounds"', encoding="utf-8")
    check = home_checks.check_folders(home, load_settings(home.config))
    assert check.level is Level.FAILURE
    assert "/nowhere/sounds" in check.text


@pytest.mark.parametrize(
    ("free", "level"),
    [(10_000_000, Level.FAILURE), (500_000_000, Level.WARNING), (10**11, Level.OK)],
)
def test_a_disk_that_fills_is_told(
    free: int, level: Level, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert home_checks.check_disk(home, Settings()).level is level


def test_a_model_that_is_not_there_or_damaged_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.config.write_text('[engine]\nmodel = "none"', encoding="utf-8")
    check = home_checks.check_model(home, load_settings(home.config))
    assert check.level is Level.FAILURE
    assert '"none" not found' in check.text

    def damaged(_: Path) -> str:
        raise ModelError("unet.safetensors is damaged: expected SHA-256 aa, found bb.")

    monkeypatch.setattr(model_folder, "find_model", lambda *_: home.models)
    monkeypatch.setattr(model_folder, "read_card", lambda _: SimpleNamespace(name="mine"))
    monkeypatch.setattr(model_folder, "hash_model", damaged)
    check = home_checks.check_model(home, Settings())
    assert check.level is Level.FAILURE
    assert "is damaged" in check.text
    monkeypatch.setattr(model_folder, "hash_model", lambda _: "ab" * 32)
    check = home_checks.check_model(home, Settings())
    assert check.text.startswith("mine abababababab")


def break_import(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    real = builtins.__import__

    def broken(module: str, *rest: object) -> object:
        if module == name:
            raise error
        return real(module, *rest)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(builtins, "__import__", broken)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("PyTorch has CUDA version 13.2 whereas TorchAudio has CUDA version 13.0"),
        OSError("libc10_cuda.so: cannot open shared object file"),
        ImportError("No module named 'torchaudio'"),
    ],
)
def test_a_torchaudio_for_another_torch_is_explained(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_import(monkeypatch, "torchaudio", error)
    check = python_checks.check_torchaudio()
    assert check.level is Level.WARNING
    assert str(error) in check.text
    assert "CUDA version" in check.text
    assert check.advice.startswith("pip install 'torch<")


def test_a_torch_that_does_not_import_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_checks, "_devices", lambda: ["cpu"])
    assert python_checks.check_torch().level is Level.OK

    def broken() -> list[str]:
        raise OSError("libcudart.so.13: cannot open\nmore")

    monkeypatch.setattr(python_checks, "_devices", broken)
    check = python_checks.check_torch()
    assert check.level is Level.FAILURE
    assert check.text == "cannot be imported: libcudart.so.13: cannot open"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"torch", "numpy", "typer"} <= python_checks.requirements().keys()
    assert "ruff" not in python_checks.requirements()
    real = python_checks.version_of
    monkeypatch.setattr(
        python_checks, "version_of", lambda name: None if name == "peft" else real(name)
    )
    assert python_checks.check_packages().text == "missing: peft"


def test_an_old_python_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    version = namedtuple("version", "major minor")  # noqa: PYI024 - two numbers that compare
    monkeypatch.setattr(sys, "version_info", version(3, 10))
    assert python_checks.check_python().level is Level.FAILURE


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> FakeRtMidi:
    """A machine with MIDI, and whatever a test plugs in."""
    studio = FakeRtMidi()
    monkeypatch.setitem(sys.modules, "rtmidi", studio)  # type: ignore[arg-type]
    return studio


def test_midi_inputs_are_named_with_the_systems_midi(home: Home, studio: FakeRtMidi) -> None:
    studio.sources = ["Launchpad", "Keystep"]
    assert midi_check.check_midi(home, Settings()) == ok("midi", "Launchpad, Keystep (coremidi)")


def test_inputs_that_the_settings_leave_out_are_no_inputs(home: Home, studio: FakeRtMidi) -> None:
    studio.sources = ["Keystep"]
    check = midi_check.check_midi(home, Settings(midi=MidiSettings(inputs=("nano*",))))
    assert check.level is Level.WARNING
    assert check.text == "no inputs (coremidi), not listened to: Keystep"


def test_midi_that_does_not_work_is_a_warning(home: Home, studio: FakeRtMidi) -> None:
    studio.broken = True
    check = midi_check.check_midi(home, Settings())
    assert check.level is Level.WARNING
    assert "error creating client" in check.text


def test_a_missing_midi_library_is_a_warning_that_says_what_to_install(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    check = midi_check.check_midi(home, Settings())
    assert check.level is Level.WARNING
    assert "pip install python-rtmidi" in check.advice


def test_a_broken_midi_map_is_a_failure_as_the_daemon_does_not_start(home: Home) -> None:
    (home.midi / "mine.toml").write_text("[[bindings]]\nnote = 1", encoding="utf-8")
    check = midi_check.check_midi(home, Settings(midi=MidiSettings(map="mine")))
    assert check.level is Level.FAILURE
    assert "mine.toml: line 1" in check.text


def test_midi_that_is_off_is_no_warning(home: Home) -> None:
    check = midi_check.check_midi(home, Settings(midi=MidiSettings(enabled=False)))
    assert check.level is Level.OK


def device_check_of(
    monkeypatch: pytest.MonkeyPatch, home: Home, machine: Machine, device: str = "cpu"
) -> Check:
    size = Size(
        unet=860_000_000,
        text_encoder=123_000_000,
        vae=84_000_000,
        unet_cells=64 * 64 * 320,
        vae_cells=512 * 512 * 256,
    )
    monkeypatch.setattr(model_size, "model_size", lambda *_: size)
    monkeypatch.setattr(device_module, "measure", lambda *_: machine)
    monkeypatch.setattr(device_module, "choose_device", lambda _: SimpleNamespace(type=device))
    return device_check.check_device(home, Settings())


def test_a_device_with_room_is_well(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(kind="cuda", free_bytes=24 * GIB, half="fp16")
    check = device_check_of(monkeypatch, home, machine, "cuda")
    assert check.level is Level.OK
    assert "24.0 GiB free; fp16, 8 sounds at a time, needs about" in check.text


@pytest.mark.parametrize(
    ("kind", "gib", "words"),
    [
        ("cuda", 3.0, ["only the part that works is on the device"]),
        ("cuda", 1.0, ["the CPU will be used"]),
        ("mps", 3.0, ["engine.max_batch", "PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0"]),
        ("cpu", 3.0, ["decoded in pieces", "engine.max_batch"]),
    ],
)
def test_a_device_whose_memory_is_short_is_told_with_what_is_done(
    home: Home, monkeypatch: pytest.MonkeyPatch, kind: Kind, gib: float, words: list[str]
) -> None:
    machine = Machine(kind=kind, free_bytes=round(gib * GIB), half="fp16")
    check = device_check_of(monkeypatch, home, machine, kind)
    assert check.level is Level.WARNING
    assert all(word in check.text + check.advice for word in words)


def test_a_device_that_is_none_is_a_failure(home: Home) -> None:
    home.config.write_text('[engine]\ndevice = "abacus"', encoding="utf-8")
    check = device_check.check_device(home, load_settings(home.config))
    assert check.level is Level.FAILURE
    assert '"abacus" cannot be used' in check.text
