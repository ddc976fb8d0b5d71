"""``oneshot serve`` and what all commands share: the first lines, exit codes, light imports."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from oneshot_server import __version__, cli
from oneshot_server import app as daemon_app
from oneshot_server.cli import app
from oneshot_server.cli.serve import greeting, show
from oneshot_server.domain.events import Done, Failed, JobEvent, JobId, SamplePublished
from oneshot_server.errors import AlreadyRunningError, ErrorCode
from oneshot_server.library.home import Home
from oneshot_server.settings import Settings

JOB = JobId("j1")


class Daemon:
    """In place of ``app.serve``: starts at once, makes a sound, and is gone."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.error: BaseException | None = None

    async def __call__(
        self, settings: Settings, home: Home, *, on_start: Callable[[Any], None]
    ) -> None:
        if self.error:
            raise self.error
        self.settings = settings
        listeners: list[Callable[[JobEvent], None]] = []
        core = SimpleNamespace(subscribe=listeners.append)
        osc = SimpleNamespace(port=settings.osc.port)
        midi = SimpleNamespace(on_ports=lambda tell: tell("MIDI (alsa): no ports yet"))
        web = SimpleNamespace(address=f"http://127.0.0.1:{settings.web.port}")
        on_start(SimpleNamespace(core=core, osc=osc, midi=midi, web=web, samples=home.samples))
        for listener in listeners:
            path = str(home.samples / "kick_7.wav")
            listener(SamplePublished(job=JOB, index=0, path=path, seed=7, seconds=0.5))
            listener(Done(job=JOB, count=1, milliseconds=9))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    daemon = Daemon()
    monkeypatch.setattr(daemon_app, "serve", daemon)
    return daemon


def serve(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["serve", *map(str, arguments)])


def test_the_first_lines_say_where_and_what_to_try(daemon: Daemon, tmp_path: Path) -> None:
    result = serve("--home", tmp_path)
    assert result.exit_code == 0, result.output
    assert "127.0.0.1:9330" in result.stdout
    assert f"{tmp_path}/samples\n" in result.stdout
    assert 'oscsend 127.0.0.1 9330 /oneshot/generate ss "" "punchy kick"\n' in result.stdout
    assert "The page: http://127.0.0.1:9331\n" in result.stdout
    assert daemon.settings == Settings()


def test_a_sound_is_one_line(daemon: Daemon, tmp_path: Path) -> None:
    del daemon
    lines = serve("--home", tmp_path).stdout.splitlines()
    assert lines[-1] == f"{tmp_path}/samples/kick_7.wav  0.50 s"


def test_options_win_over_the_config(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[osc]\nport = 9400\n[jobs]\nqueue_limit = 3")
    assert serve("--home", tmp_path, "--port", 9500, "--host", "::1", "--model", "x").exit_code == 0
    assert daemon.settings is not None
    assert daemon.settings.osc.port == 9500
    assert daemon.settings.osc.host == "::1"
    assert daemon.settings.web.host == "::1"
    assert daemon.settings.engine.model == "x"
    assert daemon.settings.jobs.queue_limit == 3


def test_a_daemon_that_listens_everywhere_is_tried_on_this_machine() -> None:
    assert "oscsend 127.0.0.1 9330" in greeting("0.0.0.0", 9330, "/s", "No page: busy.")


def test_broken_settings_end_with_2_and_one_line(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[osc]\nport = "abc"')
    result = serve("--home", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f'oneshot: {tmp_path}/config.toml: osc.port = "abc", expected an int from 1 to 65535\n'
    )
    result = serve("--home", tmp_path / "other", "--port", 99999)
    assert result.exit_code == 2
    assert result.stderr == "oneshot: --port = 99999, expected an int from 1 to 65535\n"
    assert daemon.settings is None


def test_a_second_daemon_ends_with_1_and_one_line(daemon: Daemon, tmp_path: Path) -> None:
    daemon.error = AlreadyRunningError("a daemon is running already")
    result = serve("--home", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == "oneshot: a daemon is running already\n"


def test_ctrl_c_is_clean(daemon: Daemon, tmp_path: Path) -> None:
    daemon.error = KeyboardInterrupt()
    result = serve("--home", tmp_path)
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_a_failure_is_told_and_a_closed_terminal_is_no_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Failed(job=JOB, code=ErrorCode.DISK_FULL, text="no space\x1b[2J")
    show(failed)
    assert capsys.readouterr().err == "disk_full: no space\\x1b[2J\n"

    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("typer.echo", closed)
    show(failed)


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout == f"oneshot-server {__version__}\n"


def test_the_osc_protocol_is_shown() -> None:
    result = CliRunner().invoke(app, ["osc", "--help-table"])
    assert result.exit_code == 0
    assert "/oneshot/generate " in result.stdout
    assert CliRunner().invoke(app, ["osc"]).exit_code == 1


@pytest.mark.parametrize(
    "command", ["serve", "render", "info", "doctor", "picture", "osc"], ids=str
)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage: oneshot" in result.stdout.replace("root", "oneshot")


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "oneshot_server", "info", "none.wav"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "oneshot: none.wav: No such file or directory\n"


def test_serve_imports_nothing_heavy() -> None:
    """The daemon must answer within a second of its start and stay small."""
    imports = "import json, sys, oneshot_server.cli, oneshot_server.app"
    code = f"{imports}; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "numpy", "soundfile", "matplotlib", "scipy", "mido", "diffusers"}


def test_the_programs_entry_point_is_there() -> None:
    assert callable(cli.main)
