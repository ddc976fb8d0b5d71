"""The home: its folders, its lock, and which one it is."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oneshot_server.errors import AlreadyRunningError, DiskFullError, ForbiddenError
from oneshot_server.library.home import Home, RunningDaemon, resolve_home
from oneshot_server.settings import Settings, load_settings

HOLD = """
import sys, time
from pathlib import Path
from oneshot_server.library.home import Home
with Home(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def hold_elsewhere(root: Path) -> subprocess.Popen[bytes]:
    """A process that has said that it holds the lock of a home."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"held"
    return process


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    process.send_signal(number)
    process.communicate(timeout=10)


def test_a_new_home_gets_its_folders_and_a_config_of_defaults(tmp_path: Path) -> None:
    home = Home(tmp_path / "Music" / "Oneshot")
    home.create()
    for folder in (home.samples, home.datasets, home.models, home.loras, home.logs):
        assert folder.is_dir()
    assert load_settings(home.config) == Settings()
    assert "#port = 9330" in home.config.read_text(encoding="utf-8")


def test_creating_a_home_again_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    home.config.write_text("[osc]\nport = 9400\n", encoding="utf-8")
    (home.samples / "mine.wav").write_bytes(b"mine")
    home.create()
    assert load_settings(home.config).osc.port == 9400
    assert (home.samples / "mine.wav").read_bytes() == b"mine"


def test_a_file_where_the_home_should_be_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "Oneshot").write_bytes(b"")
    with pytest.raises(ForbiddenError, match=r"Oneshot.*--home"):
        Home(tmp_path / "Oneshot").create()
    with pytest.raises(ForbiddenError, match=r"Oneshot.*--home"):
        Home(tmp_path / "Oneshot" / "deeper").create()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_without_rights_is_refused_by_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ForbiddenError, match="rights"):
        Home(tmp_path / "Oneshot").create()


def test_a_second_daemon_is_told_home_and_process(tmp_path: Path) -> None:
    home = Home(tmp_path)
    process = hold_elsewhere(tmp_path)
    try:
        with pytest.raises(AlreadyRunningError) as caught, home.lock():
            pass
        assert str(tmp_path) in str(caught.value)
        assert f"process {process.pid}" in str(caught.value)
        assert home.running() == RunningDaemon(pid=process.pid, address=None)
    finally:
        stop(process)


def test_a_daemon_killed_hard_leaves_no_obstacle(tmp_path: Path) -> None:
    home = Home(tmp_path)
    stop(hold_elsewhere(tmp_path), signal.SIGKILL)
    assert home.running() is None
    with home.lock(("127.0.0.1", 9400)):
        assert home.running() == RunningDaemon(pid=os.getpid(), address=("127.0.0.1", 9400))
    assert home.running() is None


def test_one_home_held_leaves_others_free(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Home(tmp_path / name).create()
    with Home(tmp_path / "a").lock(), Home(tmp_path / "b").lock():
        pass


@pytest.mark.parametrize("content", [b"", b"not a number", b"9" * 500])
def test_whatever_the_lock_file_says_an_unheld_one_is_free(content: bytes, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.lock_path.write_bytes(content)
    assert home.running() is None
    with home.lock():
        assert home.lock_path.read_bytes() == f"{os.getpid()}\n\n".encode()


def test_a_home_that_is_not_there_runs_nothing_and_cannot_be_locked(tmp_path: Path) -> None:
    home = Home(tmp_path / "none")
    assert home.running() is None
    with pytest.raises(ForbiddenError, match="none"), home.lock():
        pass


def test_the_option_wins_over_the_environment_and_that_over_the_music_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ONESHOT_HOME", str(tmp_path / "environment"))
    assert resolve_home(tmp_path / "option").root == tmp_path / "option"
    assert resolve_home(None).root == tmp_path / "environment"
    monkeypatch.delenv("ONESHOT_HOME")
    assert resolve_home(None).root.name == "Oneshot"


def test_a_home_is_absolute_and_knows_the_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_home(Path("here")).root == tmp_path / "here"
    assert resolve_home(Path("~/there")).root == Path.home() / "there"


def test_the_configured_samples_folder_may_be_empty_relative_or_absolute(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.samples_folder("") == home.samples
    assert home.samples_folder("sounds") == tmp_path / "sounds"
    assert home.samples_folder(str(tmp_path.parent / "x")) == tmp_path.parent / "x"
    assert home.samples_folder("~/x") == Path.home() / "x"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x\ny\n", b"12\nhost port", b"9" * 999])
def test_a_lock_that_says_nothing_sensible_is_still_a_lock(content: bytes, tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock(("127.0.0.1", 1)):
        home.lock_path.write_bytes(content)
        daemon = home.running()
        assert daemon is not None
        assert daemon.address is None
        with pytest.raises(AlreadyRunningError), home.lock():
            pass


def test_a_full_disk_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("oneshot_server.library.lock_file.os.write", full)
    with pytest.raises(DiskFullError, match=r"\.lock"), Home(tmp_path).lock():
        pass
    monkeypatch.undo()
    with Home(tmp_path).lock():
        pass
