"""The page with many sounds, in Chromium: ``python -m benchmarks.page [--count 100000]``.

Writes small WAVs into a home, which is deleted at the end unless ``--home`` names it, and runs the
daemon on them with an engine that renders nothing. Prints, in milliseconds: the page's first paint
and its first row of sounds; an arrow key to the first sample of its sound at the analyser; a file
copied into the folder to its cell; a render's event to its cell; one picture. Then the daemon's
memory.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from selenium.webdriver.chromium.webdriver import ChromiumDriver

from benchmarks.library import write_sounds
from benchmarks.live import free_port
from tests.integration.chromium import chromium

FIRST_ROW = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (document.querySelector(".cell .name")?.textContent) {
      requestAnimationFrame(() => setTimeout(() => (window.firstRow = performance.now())));
    } else requestAnimationFrame(look);
  };
  look();
});
"""
# Notes how long each key takes to be heard: from the event's own time to a sample that is loud.
LISTEN = """
const done = arguments[arguments.length - 1];
import("/audio.js").then(({ analyser }) => {
  window.delays = [];
  const samples = new Float32Array(analyser.fftSize);
  const loud = () => {
    analyser.getFloatTimeDomainData(samples);
    return samples.subarray(-256).some((sample) => Math.abs(sample) > 0.02);
  };
  addEventListener("keydown", (event) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      if (loud()) window.delays.push(performance.now() - event.timeStamp);
      else channel.port2.postMessage(0);
    };
    channel.port2.postMessage(0);
  }, true);
  done(true);
});
"""
# Notes when a cell of a name is there, by the clock that the file's writer has too.
WATCH = """
window.seen = {};
window.told = {};
new MutationObserver(() => {
  for (const cell of document.querySelectorAll(".cell:not([hidden])")) {
    const path = cell.title;
    if (path && !(path in window.seen)) window.seen[path] = Date.now();
  }
}).observe(document.querySelector("#grid"), {
  subtree: true, childList: true, characterData: true, attributes: true,
});
import("/bus.js").then(({ on }) => on("sample", ({ path }) => (window.told[path] = Date.now())));
"""


def ask(address: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def line(what: str, values: list[float]) -> None:
    values = sorted(values)
    worst = values[min(len(values) - 1, int(0.95 * len(values)))]
    print(f"{what:<52}{statistics.median(values):8.1f} ms, 95 % within {worst:.1f}", flush=True)


def until(ready: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def measure(driver: ChromiumDriver, address: str, samples: Path, keys: int) -> None:
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": FIRST_ROW})
    paints, rows = [], []
    for _ in range(5):
        driver.get("about:blank")
        driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        driver.get(address)
        until(lambda: driver.execute_script("return window.firstRow"))
        entries = driver.execute_script("return performance.getEntriesByType('paint')")
        paints.append(max(entry["startTime"] for entry in entries))
        rows.append(driver.execute_script("return window.firstRow"))
    line("first contentful paint", paints)
    line("first row of sounds", rows)

    driver.execute_async_script(LISTEN)
    press(driver)  # the first key lets the page make sound at all
    time.sleep(2)  # and what is near is decoded
    driver.execute_script("window.delays.length = 0")
    for number in range(keys):
        press(driver)
        until(lambda: driver.execute_script("return window.delays.length") > number)  # noqa: B023
        time.sleep(0.12)
        driver.execute_async_script(
            "const done = arguments[0];"
            "import('/audio.js').then(({ hush }) => { hush(); setTimeout(done, 60, 1); });"
        )
    line("arrow key to its sound at the analyser", driver.execute_script("return window.delays"))

    driver.execute_script("document.querySelector('#grid').scrollTop = 0")
    driver.execute_script(WATCH)
    copies = []
    source = next(samples.rglob("*.wav"))
    for number in range(20):
        name = f"copied {number}.wav"
        began = time.time() * 1000
        shutil.copy(source, samples / name)
        until(lambda: driver.execute_script("return window.seen[arguments[0]]", name))  # noqa: B023
        copies.append(driver.execute_script("return window.seen[arguments[0]]", name) - began)
    line("file copied into the folder to its cell", copies)
    for number in range(20):
        ask(address, "generate", {"prompt": f"kick {number}", "seed": number})
        until(lambda: len(driver.execute_script("return window.told")) > number)  # noqa: B023
    told = driver.execute_script("return window.told")
    names = {path: Path(path).relative_to(samples).as_posix() for path in told}
    until(lambda: driver.execute_script("return window.seen").keys() >= set(names.values()))
    seen = driver.execute_script("return window.seen")
    line("a render's event to its cell", [seen[names[path]] - at for path, at in told.items()])

    pictures = []
    for sound in ask(address, "sounds?limit=50&sort=name")["sounds"]:
        began = time.perf_counter()
        with urllib.request.urlopen(f"{address}/api/sounds/{sound['number']}/picture") as answer:
            answer.read()
        pictures.append((time.perf_counter() - began) * 1000)
    line("a picture, made and sent", pictures)


def press(driver: ChromiumDriver) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        key = {"type": kind, "key": "ArrowRight", "code": "ArrowRight", "windowsVirtualKeyCode": 39}
        driver.execute_cdp_cmd("Input.dispatchKeyEvent", key)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--home", type=Path, help="is kept, and need not be looked at again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "home"
        samples = home / "samples"
        if not samples.exists():
            samples.mkdir(parents=True)
            write_sounds(samples, arguments.count)
        command = [sys.executable, "-m", "tests.integration.fake_engine_daemon", str(home)]
        command += [str(free_port()), "web=True", "enabled=False"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                address = process.stdout.readline().strip()
                wait_until_known(address, arguments.count)
                with chromium(Path(folder) / "profile") as driver:
                    measure(driver, address, samples, arguments.keys)
                memory = psutil.Process(process.pid).memory_info().rss / 1e6
                print(f"{'memory of the daemon':<52}{memory:8.0f} MB")
            finally:
                process.terminate()
                for file in (*samples.glob("copied *.wav"), *samples.glob("kick_*.wav")):
                    file.unlink()


def wait_until_known(address: str, count: int) -> None:
    """Wait until the library has looked at all files."""
    until(lambda: ask(address, "facets")["sounds"] >= count, count / 50 + 30)
    until(lambda: ask(address, "facets")["waiting"] == 0, 120)


if __name__ == "__main__":
    main()
