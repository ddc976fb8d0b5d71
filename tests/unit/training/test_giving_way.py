import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from oneshot_server.training.giving_way import GiveWay, StoppedError, is_alive


def test_it_waits_while_the_pause_file_is_there(tmp_path):
    pause = tmp_path / "pause"
    pause.touch()
    way = GiveWay(pause_file=pause, parent=os.getpid())
    waiting = threading.Thread(target=way.check)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    pause.unlink()
    waiting.join(5.0)
    assert not waiting.is_alive()
    assert way.waited > 0.05


def test_without_a_pause_file_it_goes_on_at_once(tmp_path):
    GiveWay(pause_file=tmp_path / "pause", parent=0).check()
    GiveWay(pause_file=None, parent=0).check()


def test_a_parent_that_is_gone_stops_it():
    child = subprocess.Popen([sys.executable, "-c", ""])
    assert is_alive(child.pid)
    child.wait()
    assert not is_alive(child.pid)
    with pytest.raises(StoppedError, match="gone"):
        GiveWay(pause_file=None, parent=child.pid).check()


def test_sigterm_stops_it_even_while_it_waits(tmp_path):
    pause = tmp_path / "pause"
    pause.touch()
    way = GiveWay(pause_file=pause, parent=0)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    way.listen()
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        began = time.monotonic()
        with pytest.raises(StoppedError):
            way.check()
        assert time.monotonic() - began < 5.0
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
