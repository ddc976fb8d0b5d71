"""The page with many sounds, in Chromium: ``python -m benchmarks.page [--count 100000]``.

Writes small WAVs into a home, which is deleted at the end unless ``--home`` names it, and runs the
daemon on them with an engine that renders nothing. Prints, in milliseconds: the page's first paint
and its first row of sounds; an arrow key, and a click far away, to the first sample of its sound at
the analyser; scrolling; a search as it is typed; the map; a file copied into the folder, and a
render's event, to its cell; a hit on a pad while the page asks for all it can. Then the daemon's
memory. ``--scan`` only lets the library read all files of ``--home``, for a later run.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from selenium.webdriver.chromium.webdriver import ChromiumDriver

from benchmarks import page_probes
from benchmarks.library import write_sounds
from benchmarks.live import free_port
from benchmarks.pads import Player, until_full
from benchmarks.rows import percentiles, row
from oneshot_server.client.osc_socket import OscSocket
from tests.integration.chromium import chromium

WORDS = ("kick", "snare", "cowbell", "ride")
HITS = 100
PAUSE_SECONDS = 0.06
JUMPS = 20


def ask(address: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def until(ready: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


class Page:
    """The page that is measured."""

    def __init__(self, driver: ChromiumDriver, address: str, samples: Path) -> None:
        self.driver = driver
        self.address = address
        self.samples = samples

    def js(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - as the script has it
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - as above
        return self.driver.execute_async_script(script, *arguments)

    def press(self, name: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            key = {"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code}
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", key)

    def first_paint(self) -> None:
        self.driver.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument", {"source": page_probes.FIRST_ROW}
        )
        paints, rows = [], []
        for _ in range(5):
            self.driver.get("about:blank")
            self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
            self.driver.get(self.address)
            until(lambda: self.js("return window.firstRow"))
            entries = self.js("return performance.getEntriesByType('paint')")
            paints.append(max(entry["startTime"] for entry in entries))
            rows.append(self.js("return window.firstRow"))
        percentiles("first contentful paint", paints)
        percentiles("first row of sounds", rows)

    def keys(self, count: int) -> None:
        self.wait_for(page_probes.LISTEN)
        self.press("ArrowRight", 39)  # the first key lets the page make sound at all
        time.sleep(2)  # and what is near is decoded
        self.js("window.delays.length = 0; window.starts.length = 0")
        for number in range(count):
            self.press("ArrowRight", 39)
            self._heard(number)
        percentiles("arrow key until the page starts its sound", self.js("return window.starts"))
        percentiles("arrow key to its sound at the analyser", self.js("return window.delays"))

    def _heard(self, number: int) -> None:
        until(lambda: self.js("return window.delays.length") > number)
        time.sleep(0.12)
        self.wait_for(page_probes.HUSH)

    def alone(self, count: int) -> None:
        """The same keys in an empty page: what is not this page's doing."""
        self.driver.get("about:blank")
        self.js(page_probes.ALONE)
        for number in range(count + 1):
            self.press("ArrowRight", 39)
            until(lambda: self.js("return window.delays.length") > number)  # noqa: B023
            until(lambda: not self.js("return window.onset()"))
        percentiles(
            "the same key in an empty page of this browser", self.js("return window.delays")[1:]
        )

    def jumps(self) -> None:
        """Clicks on sounds that nothing has led to: not one of them is decoded."""
        # What is scrolled under a pointer that rests would be heard before it is clicked.
        self.js("document.querySelector('#hover').click()")
        self.js("window.delays.length = 0")
        for number in range(JUMPS):
            self.js(page_probes.GO, (number + 0.5) / JUMPS)
            # As soon as it has a name: its picture and those around it are still being made.
            until(lambda: self.js(page_probes.TARGET))
            x, y = self.js(page_probes.TARGET)
            where = {"x": x, "y": y, "button": "left", "clickCount": 1}
            for kind in ("mousePressed", "mouseReleased"):
                self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **where})
            self._heard(number)
        percentiles("click far away to its sound at the analyser", self.js("return window.delays"))

    def scrolling(self) -> None:
        frames, blank = self.wait_for(page_probes.SCROLL)
        percentiles("a frame while the grid scrolls", frames)
        row("frames with a cell that was still to come", 100 * blank, "%")
        ends = []
        for _ in range(5):
            self.js("document.querySelector('#grid').scrollTop = 0")
            time.sleep(0.3)
            ends.append(self.wait_for(page_probes.TO_THE_END))
        percentiles("to the end of the list: all names", [names for names, _ in ends])
        percentiles("to the end of the list: all pictures", [pictures for _, pictures in ends])
        self.js("document.querySelector('#grid').scrollTop = 0")

    def search(self) -> None:
        spent = []
        for word in (*WORDS, *WORDS):
            spent.append(self.wait_for(page_probes.SEARCH, word))
            self.js(
                "const search = document.querySelector('#search'); search.value = '';"
                "search.dispatchEvent(new Event('input'))"
            )
            time.sleep(0.5)
        percentiles("last letter of a search to its first sounds", spent)

    def map(self) -> None:
        row("the map is opened until its points are drawn", self.wait_for(page_probes.MAP), "ms")
        percentiles("a frame while the map is dragged and zoomed", self.wait_for(page_probes.PAN))
        self.js("document.querySelector('#tab-grid').click()")

    def copies(self) -> None:
        copies = []
        source = next(self.samples.glob("*/*.wav"))
        for number in range(20):
            name = f"copied {number}.wav"
            began = time.time() * 1000
            shutil.copy(source, self.samples / name)
            until(lambda: self.js("return window.seen[arguments[0]]", name))  # noqa: B023
            copies.append(self.js("return window.seen[arguments[0]]", name) - began)
        percentiles("file copied into the folder to its cell", copies)

    def renders(self) -> None:
        for number in range(20):
            ask(self.address, "generate", {"prompt": f"kick {number}", "seed": number})
            until(lambda: len(self.js("return window.told")) > number)  # noqa: B023
        told = self.js("return window.told")
        names = {path: Path(path).relative_to(self.samples).as_posix() for path in told}
        for what, said in (("cell", "seen"), ("picture", "drawn")):
            until(lambda: self.js(f"return window.{said}").keys() >= set(names.values()))  # noqa: B023
            times = self.js(f"return window.{said}")
            spent = [times[names[path]] - at for path, at in told.items()]
            percentiles(f"a render's event to its {what}", spent)

    def pictures(self) -> None:
        pictures = []
        for sound in ask(self.address, "sounds?limit=50&sort=name")["sounds"]:
            began = time.perf_counter()
            address = f"{self.address}/api/sounds/{sound['number']}/picture"
            with urllib.request.urlopen(address) as answer:
                answer.read()
            pictures.append((time.perf_counter() - began) * 1000)
        percentiles("a picture, made and sent", pictures)


def hits(port: int) -> list[float]:
    """Milliseconds from each hit to the event of its sound."""
    with OscSocket("127.0.0.1", port) as client:
        client.send("/oneshot/hello", "", client.port)
        until_full(client)
        player = Player(client)
        for _ in range(HITS):
            player.random_hit(soft=False)
            player.take_in(time.perf_counter() + PAUSE_SECONDS)
        player.finish()
    found = [hit for hit in player.hits.values() if hit.visible and not hit.missed]
    return [1000 * (hit.visible - hit.sent) for hit in found if hit.visible]


@contextmanager
def asking(address: str) -> Iterator[None]:
    """Ask for pictures, searches and the map all the time, as six connections can."""
    numbers = [sound["number"] for sound in ask(address, "sounds?limit=500")["sounds"]]
    over = threading.Event()

    def repeat(paths: list[str]) -> None:
        number = 0
        while not over.is_set():
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/api/{paths[number % len(paths)]}").read()
            number += 1

    work = [[f"sounds/{number}/picture" for number in numbers[i::3]] for i in range(3)]
    work += [["map"], [f"sounds?text={word}&sort=plays" for word in WORDS], ["facets"]]
    threads = [threading.Thread(target=repeat, args=(paths,)) for paths in work]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--home", type=Path, help="is kept, and need not be looked at again")
    parser.add_argument("--scan", action="store_true", help="only let the library read all files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder) / "home"
        samples = home / "samples"
        if not samples.exists():
            samples.mkdir(parents=True)
            write_sounds(samples, arguments.count)
        port = free_port()
        command = [sys.executable, "-m", "tests.integration.fake_engine_daemon", str(home)]
        command += [str(port), "web=True", "enabled=False"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                address = process.stdout.readline().strip()
                wait_until_known(address, arguments.count)
                if not arguments.scan:
                    measure(address, port, samples, Path(folder), arguments.keys)
                memory = psutil.Process(process.pid).memory_info().rss / 1e6
                row("memory of the daemon", memory, "MB")
            finally:
                process.terminate()
                process.wait(30)
                for file in samples.glob("*.wav"):  # those that were there are in folders
                    file.unlink()


def measure(address: str, port: int, samples: Path, folder: Path, keys: int) -> None:
    with chromium(folder / "profile") as driver:
        page = Page(driver, address, samples)
        page.first_paint()
        page.keys(keys)
        page.jumps()
        page.scrolling()
        page.search()
        page.map()
        driver.execute_script(page_probes.WATCH)
        page.copies()
        page.renders()
        page.pictures()
        page.alone(keys)
    percentiles("a hit on a pad to its sound", hits(port))
    with asking(address):
        percentiles("the same while pictures, searches and the map are made", hits(port))


def wait_until_known(address: str, count: int) -> None:
    """Wait until the library has looked at all files."""
    until(lambda: ask(address, "facets")["sounds"] == count, count / 20 + 30)
    until(lambda: ask(address, "facets")["waiting"] == 0, 120)


if __name__ == "__main__":
    main()
