"""``python -m max_for_live.build``: make the devices from their source."""

import argparse
import hashlib
import sys
from pathlib import Path

from max_for_live.amxd import encode_amxd
from max_for_live.controls import read_devices
from max_for_live.device import build_patcher

FOLDER = Path(__file__).parent


def build_device(name: str) -> bytes:
    """The file of a device by its name; the same bytes from the same source."""
    return encode_amxd(build_patcher(name), read_devices()[name].type)


def main() -> None:
    """Write each device and tell its SHA-256."""
    arguments = argparse.ArgumentParser(description="Build the Max for Live devices.")
    arguments.add_argument("--out", type=Path, default=FOLDER, help="folder (default: this one)")
    folder: Path = arguments.parse_args().out
    for name in read_devices():
        data = build_device(name)
        (folder / f"{name}.amxd").write_bytes(data)
        sys.stdout.write(f"{hashlib.sha256(data).hexdigest()}  {name}.amxd\n")


if __name__ == "__main__":
    main()
