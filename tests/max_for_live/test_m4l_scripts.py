"""What the devices' scripts do, in Node, against the real daemon."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "node"
OLDEST_NODE = 20


def node_version() -> int:
    """The major version; 0 where there is no Node."""
    if shutil.which("node") is None:
        return 0
    shown = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
    return int(re.findall(r"\d+", shown.stdout)[0])


@pytest.mark.skipif(
    node_version() < OLDEST_NODE, reason=f"the scripts' tests need Node {OLDEST_NODE} or newer"
)
def test_the_scripts_do_in_node_what_they_should():
    files = sorted(map(str, FOLDER.glob("*.test.js")))
    done = subprocess.run(
        # Each has a daemon of its own, one a real engine: more than the cores are starve it.
        ["node", "--test", f"--test-concurrency={os.cpu_count() or 1}", *files],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ONESHOT_PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stdout + done.stderr
