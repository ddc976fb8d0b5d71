"""The built files: what they are made of, and that they are those that are shipped."""

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from max_for_live.amxd import encode_amxd
from max_for_live.build import FOLDER, build_device
from max_for_live.controls import read_devices
from max_for_live.decode import BadDeviceError, decode_amxd

DEVICES = tuple(read_devices())


@pytest.mark.parametrize("name", DEVICES)
def test_the_shipped_file_is_what_the_source_builds(name: str) -> None:
    shipped = (FOLDER / f"{name}.amxd").read_bytes()
    assert hashlib.sha256(shipped).digest() == hashlib.sha256(build_device(name)).digest(), (
        "build it again: python -m max_for_live.build"
    )


def test_another_process_with_other_hashes_and_another_clock_builds_the_same_bytes(
    tmp_path: Path,
) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"}
    subprocess.run(
        [sys.executable, "-m", "max_for_live.build", "--out", str(tmp_path)],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=FOLDER.parent,
    )
    for name in DEVICES:
        assert (tmp_path / f"{name}.amxd").read_bytes() == build_device(name)


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_reads_back_whole_and_unfrozen(name: str) -> None:
    source = read_devices()[name]
    device = decode_amxd(build_device(name))
    assert device.device_type == source.type
    assert not device.frozen
    assert device.patcher["openrect"] == [0, 0, source.width, 169]
    assert device.patcher["dependency_cache"] == []
    [script] = [box for box in device.boxes if box["maxclass"] == "v8.codebox"]
    assert script["filename"] == "none"
    for file in source.script:
        text = (FOLDER / "src" / file).read_text(encoding="utf-8")
        assert text.replace("\n", "\r\n") in script["code"]
    controls = {control.name for control in source.each()}
    assert controls <= {box.get("varname") for box in device.boxes}


def test_the_bytes_are_those_of_the_format() -> None:
    text = '{\n "patcher": {\n  "a": "★"\n }\n}\n\0'.encode()
    expected = (
        b"ampf\x04\x00\x00\x00mmmmmeta\x04\x00\x00\x00\x01\x00\x00\x00ptch"
        + struct.pack("<I", len(text))
        + text
    )
    assert encode_amxd({"a": "★"}, "midi effect") == expected


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda data: data[:-1], "bytes, expected"),
        (lambda data: data + b"abc", "expected a chunk"),
        (lambda data: data.replace(b"ampf", b"ampx"), "chunks"),
        (lambda data: data.replace(b"aaaa", b"xxxx"), "device type"),
        (lambda data: data.replace(b'"patcher"', b'"patcher:'), "no JSON"),
        (lambda data: data + data[:12], "stands twice"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(broken, says: str) -> None:
    with pytest.raises(BadDeviceError, match=says):
        decode_amxd(broken(build_device("Oneshot")))
