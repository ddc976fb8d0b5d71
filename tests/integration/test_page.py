"""The page in a real browser, against the real daemon with the fake engine."""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oneshot_server.domain.reshape import Parent, Vary
from oneshot_server.library.audio_hash import hash_audio
from oneshot_server.library.wav_encoding import encode_wav
from oneshot_server.library.wav_metadata import embed, extract
from tests.integration.chromium import PATIENCE_SECONDS, chromium, needs_chromium, resize
from tests.integration.live_daemon import free_port
from tests.unit.library.sounds import render

pytestmark = needs_chromium
CROWD = 320
NOWHERE = 10**6  # a number that no sound has
SCRIPT_NAME = "kick <img src=x onerror=window.pwned=1>.wav"
# Waits inside the page until an expression is true: what is not there yet is no error.
UNTIL = """
const done = arguments[arguments.length - 1];
let problem = "";
const look = () => {{
  let found = null;
  try {{
    found = {expression};
    problem = "";
  }} catch (error) {{
    problem = String(error);
  }}
  if (found) done([found]);
  else if (Date.now() > end) done([null, problem]);
  else setTimeout(look, 10);
}};
const end = Date.now() + {milliseconds};
look();
"""
# Remembers the loudest sample since the page was opened or has fallen silent, however late it is
# asked: its window is so long that a page that is busy for half a second misses nothing.
LISTEN = """
const done = arguments[arguments.length - 1];
import("/audio.js").then(({ analyser, hush }) => {
  const ear = new AnalyserNode(analyser.context, { fftSize: 32768 });
  analyser.connect(ear);
  const samples = new Float32Array(ear.fftSize);
  const loudest = () => {
    ear.getFloatTimeDomainData(samples);
    return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  };
  window.loudest = 0;
  window.hearNow = loudest;
  setInterval(() => (window.loudest = Math.max(window.loudest, loudest())), 50);
  window.fallSilent = () => {
    hush();
    const look = () => {
      if (loudest() > 0.001) setTimeout(look, 10);
      else [window.loudest, window.silent] = [0, true];
    };
    window.silent = false;
    look();
  };
  done();
});
"""
# Notes the cells over which a line has run.
SWEPT = """
window.swept = [];
const plain = Element.prototype.animate;
Element.prototype.animate = function (...given) {
  window.swept.push(this.closest(".cell")?.id);
  return plain.apply(this, given);
};
"""
DROP = """
const [name, bytes] = arguments;
const transfer = new DataTransfer();
transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "audio/wav" }));
for (const type of ["dragenter", "dragover", "drop"]) {
  const at = { bubbles: true, cancelable: true, dataTransfer: transfer };
  document.body.dispatchEvent(new DragEvent(type, at));
}
"""


def tone(hertz: float, seconds: float = 0.4) -> bytes:
    time = np.arange(int(seconds * 44_100)) / 44_100
    wave = 0.7 * np.exp(-4 * time) * np.sin(2 * np.pi * hertz * time)
    return encode_wav(wave, 44_100, "PCM_24")


@dataclass
class Page:
    driver: Any
    address: str
    home: Path

    def open(self) -> None:
        self.driver.get(self.address)
        self.until("document.querySelectorAll('.cell:not([hidden]):not(.coming)').length > 0")
        self.until("document.querySelector('.state').dataset.state === 'ready'")
        self.driver.execute_async_script(LISTEN)

    def until(self, expression: str) -> Any:
        """Wait until an expression is true, and return it."""
        milliseconds = 1000 * PATIENCE_SECONDS
        script = UNTIL.format(expression=expression, milliseconds=milliseconds)
        found, *problem = self.driver.execute_async_script(script)
        assert found is not None, f"never: {expression} {problem}"
        return found

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def module(self, name: str, script: str, *arguments: Any) -> Any:
        """What a script returns; what a module of the page exports is its ``it``."""
        return self.js(f"return import('/{name}.js').then((it) => {{{script}}})", *arguments)

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def type(self, selector: str, text: str) -> None:
        self.driver.find_element("css selector", selector).send_keys(text)

    def hears(self) -> bool:
        return self.until("window.loudest > 0.05")

    def hush(self) -> None:
        self.js("window.fallSilent()")
        self.until("window.silent")

    def until_counted(self, count: int) -> None:
        """Wait until the library has so many sounds, and the page has heard of it."""
        self.until(f"document.querySelector('#chips .count').textContent === '{count}'")

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.address}/api/{path}") as answer:
            return json.load(answer)

    def places(self) -> list[tuple[float, float]]:
        """The leftmost and the rightmost sound of the map's middle, as pixels from its centre."""
        _, xs, ys, _ = zip(*self.ask("map")["places"], strict=True)
        size = "const { clientWidth, clientHeight } = document.querySelector('#map');"
        width, height = self.js(f"{size} return [clientWidth, clientHeight]")

        def spread(value: float, values: tuple[float, ...]) -> float:
            return 0.92 * (value - min(values)) / (max(values) - min(values)) - 0.46

        pixels = [
            (spread(x, xs) * width, -spread(y, ys) * height) for x, y in zip(xs, ys, strict=True)
        ]
        free = sorted((x, y) for x, y in pixels if abs(y) < height / 2 - 80)  # of buttons above
        return [free[0], free[-1]]

    def titles(self) -> list[str]:
        cells = "document.querySelectorAll('.cell:not([hidden]) .name')"
        return self.js(f"return [...{cells}].map((name) => name.textContent)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    home = tmp_path_factory.mktemp("home")
    samples = home / "samples"
    samples.mkdir()
    for number, (name, hertz) in enumerate(
        [
            ("kick_alpha.wav", 60),
            ("kick_beta.wav", 70),
            ("snare_one.wav", 300),
            ("hat_one.wav", 6000),
        ]
    ):
        (samples / name).write_bytes(tone(hertz))
        os.utime(samples / name, (number + 1e9, number + 1e9))
    parent = tone(110)
    known = (Parent(name="kick_parent.wav", sha256=hash_audio(BytesIO(parent))),)
    child = render(7, "dark kick")
    recipe = replace(extract(child), reshape=Vary(strength=0.5, parents=known))
    (samples / "kick_parent.wav").write_bytes(parent)
    (samples / "kick_child.wav").write_bytes(embed(child, recipe))
    outside = home.parent / "outside.wav"
    outside.write_bytes(tone(100))
    (samples / "leads outside.wav").symlink_to(outside)
    (samples / SCRIPT_NAME).write_bytes(tone(90))
    os.utime(samples / SCRIPT_NAME, (1e8, 1e8))
    with daemon(home) as address:
        yield address, home


@contextmanager
def daemon(home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.integration.fake_engine_daemon", str(home)]
    command += [str(free_port()), "web=True", "enabled=False"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """So many sounds that most of them are on pages that are not fetched at first."""
    home = tmp_path_factory.mktemp("crowd")
    samples = home / "samples"
    samples.mkdir()
    for number in range(CROWD):
        (samples / f"tom_{number:03}.wav").write_bytes(tone(80 + number, 0.1))
        os.utime(samples / f"tom_{number:03}.wav", (number + 1e9, number + 1e9))
    with daemon(home) as address:
        yield address, home


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(served: tuple[str, Path], driver: Any) -> Iterator[Page]:
    yield from opened(driver, served)


@pytest.fixture
def crowded(crowd: tuple[str, Path], driver: Any) -> Iterator[Page]:
    yield from opened(driver, crowd, f"{CROWD} sounds")


def opened(driver: Any, served: tuple[str, Path], total: str = "") -> Iterator[Page]:
    resize(driver, 1280, 720)
    page = Page(driver, *served)
    page.open()
    page.until(f"document.querySelector('#total').textContent.includes('{total}')")
    driver.get_log("browser")
    yield page
    severe = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    # What tests tell of, as published or as known by such a number, is nowhere.
    nowhere = ("/api/published/job-", f"/api/sounds/{NOWHERE}/")
    assert [line for line in severe if not any(path in line for path in nowhere)] == []


def test_the_map_plays_what_is_clicked(page):
    page.keys("m")
    page.until("/^[1-9].* sounds?$/.test(document.querySelector('#map-count').textContent)")
    page.keys("\ue014")  # an arrow goes to a sound
    page.until("document.querySelector('#detail-title').textContent !== ''")
    assert page.hears()
    chosen = page.js("return document.querySelector('#detail-path').textContent")
    assert chosen in {sound["path"] for sound in page.ask("sounds?limit=500")["sounds"]}


def test_a_prompt_becomes_a_sound_that_is_selected_and_counted(page):
    before = page.ask("facets")["sounds"]
    page.keys("n")
    page.keys("dark kick")
    page.js("document.getElementById('count').value = 2")
    page.keys("\ue007")  # Enter
    page.until("document.querySelector('#detail-title').textContent.includes('dark kick')")
    page.until(f"document.querySelector('#total').textContent.startsWith('{before + 2}')")
    page.until_counted(before + 2)
    assert page.ask("sounds?limit=2")["sounds"][0]["path"].startswith("dark_kick")


def test_a_job_is_cancelled_by_a_press_that_takes_its_time_also_after_events_were_lost(page):
    from selenium.webdriver.common.action_chains import ActionChains

    page.keys("n")
    page.keys("hang kick")
    page.keys("\ue007")  # Enter
    row = "document.querySelector('#jobs .job')"
    page.until(f"{row} && Number({row}.style.getPropertyValue('--fraction')) > 0")
    page.js("import('/bus.js').then(({ tell }) => tell('lost'))")
    page.until(f"{row} && Number({row}.style.getPropertyValue('--fraction')) > 0")
    button = page.driver.find_element("css selector", "#jobs .job button")
    ActionChains(page.driver).click_and_hold(button).pause(0.3).release().perform()
    page.until(f"{row} === null")
    page.until("document.getElementById('progress').hidden")


def test_arrow_keys_play_one_sound_after_the_other(page):
    page.js("document.getElementById('sort').value = 'oldest'")
    page.js("document.getElementById('sort').dispatchEvent(new Event('change'))")
    page.until("document.querySelector('#cell-1 .name').textContent === 'kick alpha'")
    page.js(SWEPT)
    page.keys("\ue014")  # right
    assert page.hears()
    page.keys("\ue014")
    page.until("document.querySelector('#cell-1').getAttribute('aria-selected') === 'true'")
    page.until("window.swept.includes('cell-1')")
    page.hush()
    page.keys(" ")
    assert page.hears()
    assert (
        page.js("return document.querySelector('#grid').getAttribute('aria-activedescendant')")
        == "cell-1"
    )


def test_a_star_is_kept_in_the_library(page):
    page.type("#search", "snare")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    page.keys("\ue007")  # Enter goes to the first one found
    page.until("document.querySelector('#detail-path').textContent === 'snare_one.wav'")
    page.keys("4")
    page.until("document.querySelectorAll('#detail-stars [aria-pressed=true]').length === 4")
    page.until("document.querySelector('#cell-0 .stars').textContent === '★★★★'")
    (sound,) = page.ask("sounds?text=snare")["sounds"]
    assert sound["stars"] == 4
    page.keys("t")
    page.keys("crisp\ue007")
    page.until("document.querySelector('#tags').textContent === 'crisp'")
    assert page.ask("sounds?tag=crisp")["total"] == 1


def test_search_and_kinds_narrow_the_grid(page):
    page.type("#search", "hat")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    assert page.titles() == ["hat one"]
    page.type("#search", "\ue009a")  # Ctrl+A
    page.type("#search", "nothing of this name")
    page.until("document.querySelector('#grid').classList.contains('empty')")


def test_a_family_is_drawn_and_leads_to_its_members(page):
    page.type("#search", "kick_child")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    page.keys("\ue007")
    page.until("document.querySelectorAll('#family .node').length === 2")
    page.js(
        "document.querySelector('#family .node:not(.here)')"
        ".dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }))"
    )
    page.until("document.querySelector('#detail-path').textContent === 'kick_parent.wav'")


def test_a_link_that_leads_outside_is_no_sound(page):
    assert page.ask("sounds?text=leads")["total"] == 0
    paths = {sound["path"] for sound in page.ask("sounds?limit=500")["sounds"]}
    assert {"kick_child.wav", "kick_parent.wav"} <= paths
    assert "leads outside.wav" not in paths


def test_a_variation_is_made_of_the_selected_sound(page):
    page.type("#search", "beta")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    page.keys("\ue007")
    page.until("document.querySelector('#detail-path').textContent === 'kick_beta.wav'")
    before = page.ask("facets")["sounds"]
    page.js("document.getElementById('count').value = 1")
    page.keys("v")
    page.until("document.querySelector('#detail-path').textContent !== 'kick_beta.wav'")
    page.until_counted(before + 1)


def test_a_dropped_file_becomes_a_dataset(page):
    page.js(DROP, "tight 1.wav", list(tone(80)))
    page.until("document.querySelector('#drop-dialog').open")
    name = page.driver.find_element("css selector", "#dataset-name")
    name.clear()
    name.send_keys("my kicks")
    page.click("#into-dataset")
    page.until("!document.querySelector('#drop-dialog').open")
    assert (page.home / "datasets" / "my kicks" / "tight 1.wav").read_bytes() == tone(80)
    page.keys("d")
    page.until("document.querySelector('[data-dataset=\"my kicks\"]')")


def test_a_file_copied_into_the_folder_appears_without_reload(page):
    (page.home / "samples" / "copied tom.wav").write_bytes(tone(120))
    page.until("[...document.querySelectorAll('.name')].some(e => e.textContent === 'copied tom')")


def test_a_script_in_a_file_name_is_text(page):
    page.type("#search", "onerror")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    page.keys("\ue007")
    page.until("document.querySelector('#detail-path').textContent !== ''")
    assert page.js("return document.querySelector('#detail-path').textContent") == SCRIPT_NAME
    assert page.titles() == [SCRIPT_NAME.removesuffix(".wav")]
    assert page.js("return document.querySelectorAll('main img, aside img').length") == 0
    assert page.js("return window.pwned") is None


def test_a_pad_that_is_clicked_is_hit(page):
    page.keys("p")
    page.until("document.querySelector('#pad-grid .pad-name').textContent === 'kick'")
    before = page.ask("facets")["sounds"]
    page.keys("z")
    page.until("document.querySelector('#pad-grid .pad.chosen').dataset.place === '0'")
    page.until_counted(before + 1)
    page.click("#pad-grid .pad[data-place='3']")
    page.until("document.querySelector('#pad-prompt').value === 'short electronic snare'")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_nothing_sticks_out_and_everything_has_a_name(page, width, height):
    resize(page.driver, width, height)
    page.open()
    for view in ("grid", "map", "pads", "train"):
        page.click(f"#tab-{view}")
        page.until(f"document.body.dataset.view === '{view}'")
        assert page.js("return document.documentElement.scrollWidth") <= width
        if shots := os.environ.get("ONESHOT_SCREENSHOTS"):
            page.driver.save_screenshot(f"{shots}/{view}-{width}x{height}.png")
    nameless = page.js(
        "return [...document.querySelectorAll('button, input, select, a')].filter(e => "
        "!e.getAttribute('aria-label') && !e.textContent.trim() && !e.labels?.length"
        ").map(e => e.id || e.outerHTML)"
    )
    assert nameless == []


def test_a_path_over_the_map_becomes_a_morph_that_is_played(page):
    from selenium.webdriver.common.action_chains import ActionChains

    page.keys("m")
    page.until("/^[1-9].* sounds?$/.test(document.querySelector('#map-count').textContent)")
    page.click("#walk")
    (x1, y1), (x2, y2) = page.places()
    canvas = page.driver.find_element("css selector", "#map")
    pen = ActionChains(page.driver, duration=50)
    pen.move_to_element_with_offset(canvas, x1, y1).click_and_hold()
    for step in range(1, 9):
        pen.move_to_element_with_offset(
            canvas, x1 + (x2 - x1) * step / 8, y1 + (y2 - y1) * step / 8
        )
    pen.release().perform()
    page.until("document.querySelectorAll('#strip .bead').length >= 5")
    page.until("document.querySelectorAll('#strip .coming').length === 0")
    page.until("document.querySelector('#strip .sounding')")


# Keeps what the page asks for, and answers it by a function.
ANSWER = """
window.asked = [];
const plain = window.fetch;
window.fetch = (path, options = {}) => {
  window.asked.push([path, typeof options.body === 'string' ? JSON.parse(options.body) : null]);
  return (ANSWERED)(path) ?? plain(path, options);
};
"""
EMPTY_SOUND = """((path) => path.startsWith("/api/published/")
  ? Promise.resolve(new Response(new ArrayBuffer(0))) : null)"""
# The list is asked for, but answered only when the test says so.
HELD_LIST = """((path) => (window.held ??= true) && path.startsWith("/api/sounds?")
  ? new Promise((go) => (window.release = go)).then(() => plain(path, options)) : null)"""
REFUSED = "() => Promise.reject(new TypeError('Failed to fetch'))"
SILENT = "The daemon does not answer. Is oneshot serve still running?"


def tell(page: Page, name: str, value: Any = None) -> None:
    """Tell the page an event as the daemon would."""
    page.module("bus", "it.tell(...arguments)", name, value)


def held(path: str, answer: str) -> str:
    """A script that answers requests whose path holds a text only when ``release`` is called."""
    wait = f"new Promise((go) => (window.release = () => go({answer})))"
    return ANSWER.replace("ANSWERED", f"(path) => path.includes('{path}') ? {wait} : null")


def settle(page: Page) -> None:
    """Let the page do what answers have brought: it is done before a request of now is answered."""
    page.js("return fetch('/api/status').then((answer) => answer.text())")


def choose(page: Page, name: str) -> None:
    """Select a sound without hearing it; what was made from it may have its name, too."""
    found = page.ask(f"sounds?text={name}&limit=500")["sounds"]
    (sound,) = [one for one in found if one["path"] == f"{name}.wav"]
    page.module("selection", "it.select(arguments[0], { play: false })", sound)
    page.until(f"document.querySelector('#detail-path').textContent === '{name}.wav'")


def test_a_render_is_in_the_grid_before_the_library_knows_it(page):
    first = "document.querySelector('.cell[aria-posinset=\"1\"]')"
    before = page.ask("facets")["sounds"]
    page.js(ANSWER.replace("ANSWERED", f"(path) => {HELD_LIST}(path) ?? {EMPTY_SOUND}(path)"))
    sample = {"job": "job-x", "index": 0, "seed": 7, "seconds": 0.25}
    tell(page, "sample", {**sample, "path": "/somewhere/samples/deep_kick_7.wav"})
    page.until(f"{first}.title === 'deep_kick_7.wav'")
    assert page.js(f"return {first}.querySelector('.name').textContent") == "deep kick"
    assert page.js(f"return {first}.querySelector('.kind').textContent") == "kick"
    assert page.js("return document.querySelector('#total').textContent") == f"{before + 1} sounds"
    asked = "performance.getEntriesByType('resource').map((one) => one.name)"
    page.until(f"{asked}.some((name) => name.endsWith('/api/published/job-x/0/picture'))")
    known = {**page.ask("sounds?limit=1")["sounds"][0], "number": NOWHERE, "prompt": "deep kick G1"}
    known |= {"path": "deep_kick_7.wav", "changed": 4e9}
    tell(page, "library", {"now": [known], "gone": []})
    page.until(f"{first}.querySelector('.name').textContent === 'deep kick G1'")
    titles = page.js("return [...document.querySelectorAll('.cell:not([hidden])')].map(e=>e.title)")
    assert titles.count("deep_kick_7.wav") == 1
    # It was no file after all: the next look at the library shows what there is.
    page.until("window.release")
    page.js("window.held = false; window.release()")
    page.until(f"document.querySelector('#total').textContent === '{before} sounds'")


def test_a_new_sound_moves_the_others_and_none_is_drawn_anew(page):
    page.js(ANSWER.replace("ANSWERED", f"(path) => {HELD_LIST}(path) ?? {EMPTY_SOUND}(path)"))
    page.until("document.querySelectorAll('.cell:not([hidden]) .wave.coming').length === 0")
    cell = "document.querySelector('.cell[title=\"kick_alpha.wav\"]')"
    place = int(page.js(f"return {cell}.id").removeprefix("cell-"))
    page.js(f"window.kept = {cell}")
    sample = {"job": "job-v", "index": 0, "seed": 11, "seconds": 0.25}
    tell(page, "sample", {**sample, "path": "/somewhere/samples/newest_kick_11.wav"})
    page.until(f"{cell}.id === 'cell-{place + 1}'")
    assert page.js(f"return {cell} === window.kept && !{cell}.querySelector('.wave.coming')")
    ids = page.js("return [...document.querySelectorAll('.cell[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    # Nor is its own cell, when the library knows it.
    page.js("window.kept = document.querySelector('#cell-0')")
    (known,) = page.ask("sounds?text=kick_alpha")["sounds"]
    known |= {"path": "newest_kick_11.wav", "number": NOWHERE, "changed": 4e9}
    tell(page, "library", {"now": [known], "gone": []})
    assert page.js("return window.kept === document.querySelector('#cell-0')")
    assert page.js("return window.kept.title") == "newest_kick_11.wav"


def test_a_star_for_a_render_waits_until_the_library_knows_it(page):
    posted = "window.asked.filter(([path]) => path.includes('/stars'))"
    page.js(ANSWER.replace("ANSWERED", f"(path) => {EMPTY_SOUND}(path)"))
    page.driver.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([import('/bus.js'), import('/selection.js')]).then(([{ on }, { star }]) => {"
        "  on('published', ({ sound }) => star(4, sound)); done(); })"
    )
    sample = {"job": "job-y", "index": 0, "seed": 8, "seconds": 0.25}
    tell(page, "sample", {**sample, "path": "/somewhere/samples/snare_8.wav"})
    assert page.js(f"return {posted}") == []
    (known,) = page.ask("sounds?text=kick_alpha")["sounds"]
    tell(page, "library", {"now": [{**known, "path": "snare_8.wav"}], "gone": []})
    assert page.until(f"{posted}[0]") == [f"/api/sounds/{known['number']}/stars", {"stars": 4}]


def test_what_was_made_better_is_heard_in_place_of_its_draft(page):
    page.js(ANSWER.replace("ANSWERED", EMPTY_SOUND))
    sample = {"job": "job-z", "index": 0, "seed": 9, "seconds": 0.25}
    file = "/somewhere/samples/draft_kick_9.wav"
    tell(page, "sample", {**sample, "path": file, "draft": True})
    page.click(".cell[title='draft_kick_9.wav']")
    page.until("window.asked.some(([path]) => path === '/api/published/job-z/0')")
    tell(page, "better", {**sample, "path": file, "seconds": 0.75})
    page.until("document.querySelector('#facts').textContent.includes('750 ms')")
    page.keys(" ")
    page.until("window.asked.some(([path]) => path === '/api/published/job-z/0?better')")
    href = page.js("return document.querySelector('#drag').getAttribute('href')")
    assert href == "/api/published/job-z/0?better"


def test_a_render_of_which_nothing_more_is_told_goes_when_events_were_lost(page):
    page.js(ANSWER.replace("ANSWERED", EMPTY_SOUND))
    before = page.ask("facets")["sounds"]
    sample = {"job": "job-w", "index": 0, "seed": 10, "seconds": 0.25}
    tell(page, "sample", {**sample, "path": "/somewhere/samples/ghost_kick_10.wav"})
    page.until("document.querySelector('.cell[title=\"ghost_kick_10.wav\"]')")
    tell(page, "lost")
    page.until(f"document.querySelector('#total').textContent === '{before} sounds'")
    assert "ghost_kick_10.wav" not in page.titles()


def test_a_new_seed_of_a_variation_is_a_variation_of_the_same_sound(page):
    choose(page, "kick_child")
    answer = """(path) => path.startsWith("/api/vary")
      ? Promise.resolve(new Response('{"job": "none"}', { status: 202 })) : null"""
    page.js(ANSWER.replace("ANSWERED", answer))
    page.keys("r")
    asked = page.until("window.asked.find(([path]) => /vary|generate/.test(path))")
    path, body = asked
    assert path == "/api/vary"
    assert (body["path"], body["strength"]) == ("kick_parent.wav", 0.5)
    assert body["prompt"] == "dark kick"
    assert "seed" not in body


def test_a_new_seed_of_what_was_made_from_a_lost_sound_says_so(page):
    choose(page, "kick_child")
    answer = """(path) => path.endsWith("/family")
      ? Promise.resolve(Response.json({ sounds: [], links: [] })) : null"""
    page.js(ANSWER.replace("ANSWERED", answer))
    page.keys("r")
    page.until("document.querySelector('.toast')?.textContent.includes('kick_parent.wav')")


def test_a_page_that_stays_open_forgets_old_jobs(page):
    count = 400
    page.js(
        ANSWER.replace(
            "ANSWERED",
            "() => Promise.resolve(Response.json({ job: `j${window.asked.length}` }))",
        )
    )
    kept = page.driver.execute_async_script(
        "const [count, done] = arguments;"
        "import('/prompt.js').then(async ({ begin, isMine }) => {"
        "  for (let i = 0; i < count; i += 1) await begin('generate', { prompt: 'kick' }, 'kick');"
        "  done([isMine('j1'), isMine(`j${count}`)]); })",
        count,
    )
    assert kept == [False, True]


def test_a_sound_is_as_loud_as_the_slider_says(page):
    heard = {}
    for level in (0.8, 0.4):
        page.js(
            "const slider = document.querySelector('#volume'); slider.value = arguments[0];"
            "slider.dispatchEvent(new Event('input'))",
            level,
        )
        page.open()  # what the page begins with, not what the slider did last
        choose(page, "kick_alpha")
        page.keys(" ")
        assert page.hears()
        page.until("document.querySelector('#detail-sweep').getAnimations().length === 0")
        heard[level] = page.js("return Math.max(window.loudest, window.hearNow())")
    page.js("localStorage.removeItem('volume')")
    assert heard[0.8] == pytest.approx(0.7 * 0.8**2, rel=0.1)
    assert heard[0.4] == pytest.approx(0.7 * 0.4**2, rel=0.1)


@pytest.mark.parametrize("what", ["similar", "map", "recipe", "family", "vary", "stars"])
def test_whatever_cannot_be_asked_for_is_said_in_words(page, what):
    choose(page, "kick_alpha")
    page.js(ANSWER.replace("ANSWERED", REFUSED))
    acts = {
        "similar": "l",
        "map": "m",
        "recipe": "r",
        "vary": "v",
        "stars": "3",
        "family": "\ue014",
    }
    page.keys(acts[what])
    page.until(f"[...document.querySelectorAll('.toast')].some(e => e.textContent === '{SILENT}')")


def test_a_list_that_cannot_be_fetched_is_said_and_comes_by_itself(page):
    page.js(ANSWER.replace("ANSWERED", "(path) => window.away ? " + f"({REFUSED})() : null"))
    page.js("window.away = true")
    page.type("#search", "snare")
    page.until(f"document.querySelector('#waiting').textContent.includes('{SILENT}')")
    page.js("window.away = false")
    total = page.ask("sounds?text=snare")["total"]
    page.until(f"document.querySelector('#total').textContent.startsWith('{total} sound')")
    page.until("document.querySelector('#waiting').textContent === ''")


def test_a_page_that_is_refused_the_events_asks_for_them_again(served, driver):
    script = """
    const Plain = window.EventSource;
    let count = 0;
    window.EventSource = class extends Plain {
      constructor(path) { super((count += 1) === 1 ? "/api/nothing" : path); }
    };
    """
    told = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        page = Page(driver, *served)
        page.open()
        page.until("document.querySelector('#no-daemon').hidden")
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", told)
        driver.get_log("browser")


def test_the_end_of_a_long_list_is_reached_and_played_by_a_key(crowded):
    page = crowded
    page.keys("\ue014")
    page.until("document.querySelector('#detail-path').textContent === 'tom_319.wav'")
    page.hush()
    page.keys("\ue010")  # End: its page is not there yet
    assert page.hears()
    page.until("document.querySelector('#detail-path').textContent === 'tom_000.wav'")
    page.until(f"document.querySelector('#cell-{CROWD - 1}').ariaSelected === 'true'")
    page.keys("\ue011")  # Home
    page.until("document.querySelector('#detail-path').textContent === 'tom_319.wav'")


def test_pictures_leave_connections_free_for_what_is_to_be_heard(crowded):
    page = crowded
    page.js("document.querySelector('#grid').scrollTop = 1500")
    page.until("document.querySelectorAll('.cell:not([hidden]) .wave.coming').length === 0")
    times = page.js(
        "return performance.getEntriesByType('resource').filter(e => e.name.includes('/picture'))"
        ".map(e => [e.startTime, e.responseEnd])"
    )
    assert len(times) > 20
    at_once = max(sum(a <= start < b for a, b in times) for start, _ in times)
    assert at_once <= 2


def test_a_hundred_thousand_points_are_found_by_place_and_by_number(page):
    found = page.driver.execute_async_script(
        """
        const done = arguments[0];
        import("/map_points.js").then(({ Points, coloursOf }) => {
          const rows = Array.from({ length: 100_000 }, (_, i) =>
            [i + 1, (i % 317) / 158.5 - 1, Math.floor(i / 317) / 158 - 1, i % 3]);
          const points = new Points(rows, ["kick", "", "snare"]);
          const wrong = [];
          for (let i = 0; i < 100_000; i += 997) {
            const [x, y] = [points.xs[i], points.ys[i]];
            const near = points.nearest({ x, y }, [0.02, 0.02], (a, b) => Math.hypot(a - x, b - y));
            if (near !== i || points.placeOf(i + 1) !== i) wrong.push([i, near]);
          }
          const image = new ImageData(800, 600);
          points.draw(image, { x: 0, y: 0, scale: 1 }, 2, coloursOf(points.kinds));
          const drawn = image.data.filter((value, i) => i % 4 === 3 && value).length;
          const next = points.towards(points.placeOf(50_000), 1, 0);
          done([wrong, drawn, points.names.map(({ name }) => name).sort(),
            points.xs[next] > points.xs[49_999]]);
        });
        """
    )
    wrong, drawn, names, right = found
    assert wrong == []
    assert drawn > 100_000
    assert names == ["kick", "snare"]
    assert right


def test_what_is_alike_does_not_come_after_a_later_search(page):
    choose(page, "kick_alpha")
    page.js(held("/similar", "Response.json([])"))
    page.keys("l")
    page.until("window.release")
    page.type("#search", "hat_one")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    page.js("window.release()")
    settle(page)
    assert page.js("return document.querySelector('.chip.like')") is None
    assert page.titles() == ["hat one"]


def test_escape_silences_whatever_sounds(page):
    time = np.arange(120 * 8000) / 8000  # longer than anybody waits here
    drone = encode_wav(0.5 * np.sin(2 * np.pi * 110 * time), 8000, "PCM_16")
    (page.home / "samples" / "long drone.wav").write_bytes(drone)
    page.until("document.querySelector('.cell[title=\"long drone.wav\"]')")
    (sound,) = page.ask("sounds?text=drone")["sounds"]
    choose(page, "kick_alpha")
    page.keys(" ")  # the first key lets the page make sound at all
    page.hush()
    page.module("audio", "it.hit(arguments[0])", f"/api/sounds/{sound['number']}/file")
    assert page.hears()
    page.keys("\ue00c")  # Escape
    page.until("window.hearNow() < 0.001")


def test_a_pointer_that_crosses_the_parts_of_a_cell_plays_it(page):
    page.keys("w", "w")  # a page that was not touched yet makes no sound
    page.js(
        "for (const part of ['.thumb', '.name'])"
        " document.querySelector(`.cell[title='kick_alpha.wav'] ${part}`).dispatchEvent("
        "new PointerEvent('pointerover', { bubbles: true, pointerType: 'mouse' }))"
    )
    assert page.hears()


def test_a_sound_that_is_selected_behind_another_view_has_its_wave_later(page):
    (sound,) = page.ask("sounds?text=kick_alpha")["sounds"]
    page.keys("p")
    page.module("selection", "it.select(arguments[0], { play: false })", sound)
    page.module("audio", "return it.decoded(arguments[0]).then(() => true)", sound)
    page.keys("g")
    page.until(
        "((canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.some(Boolean))(document.querySelector('#detail-wave-canvas'))"
    )


def test_pictures_that_did_not_come_come_when_the_daemon_is_back(served, driver):
    script = """
    window.refused = true;
    const plain = Image.prototype.decode;
    Image.prototype.decode = function () {
      return window.refused ? Promise.reject(new Error("away")) : plain.call(this);
    };
    """
    seen = "[...document.querySelectorAll('.cell:not([hidden]) .wave')]"
    painted = (
        f"{seen}.map((e) => e.getContext('2d').getImageData(0, 0, 192, 64).data.some(Boolean))"
    )
    told = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        page = Page(driver, *served)
        page.open()
        page.until(f"{seen}.every((e) => !e.classList.contains('coming'))")
        assert not any(page.js(f"return {painted}"))
        page.js("window.refused = false")
        tell(page, "lost")
        page.until(f"{painted}.every(Boolean)")
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", told)
        driver.get_log("browser")


def test_a_path_that_is_closed_while_its_sounds_are_asked_for_stays_closed(page):
    sounds = page.ask("sounds?text=kick&limit=2")["sounds"]
    page.keys("m")
    page.js(held("/api/morph", "Response.json({ job: 'job-m' }, { status: 202 })"))
    page.module("morph_path", "it.playMorph(arguments[0])", sounds)
    page.until("window.release")
    page.click("#strip .plain")
    page.js("window.release()")
    settle(page)
    assert page.js("return document.querySelector('#strip').hidden")
    assert page.js("return window.asked.filter(([path]) => path === '/api/morph').length") == 1


def test_a_page_behind_a_window_listens_only_to_be_heard(page):
    page.js(
        "window.closed_streams = 0; const plain = EventSource.prototype.close;"
        "EventSource.prototype.close = function () {"
        "  window.closed_streams += 1; plain.call(this); };"
        "Object.defineProperty(document, 'hidden', { get: () => window.behind });"
        "window.hide = (behind) => {"
        "  window.behind = behind; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.keys("p")
    page.click("#monitor")
    page.js("window.hide(true)")
    assert page.js("return window.closed_streams") == 0
    page.js("window.hide(false)")
    page.click("#monitor")
    page.js("window.hide(true)")
    assert page.js("return window.closed_streams") == 1


def test_the_pads_are_where_their_keys_are_whatever_is_written_on_them(page):
    page.keys("p")
    page.until("document.querySelector('#pad-grid .pad-key').textContent !== ''")
    key = {"type": "rawKeyDown", "key": "y", "code": "KeyX", "windowsVirtualKeyCode": 89}
    page.driver.execute_cdp_cmd("Input.dispatchKeyEvent", key)
    page.until("document.querySelector('#pad-grid .pad.chosen').dataset.place === '1'")
    page.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {**key, "type": "keyUp"})


def test_a_finger_that_stays_moves_the_map_from_where_it_is_and_no_broken_touch_plays(page):
    found = page.module(
        "map_gestures",
        """
        const canvas = document.createElement("canvas");
        canvas.setPointerCapture = () => {};
        const told = [];
        const map = {
          canvas, view: { x: 0, y: 0, scale: 1 }, width: 100, height: 100, walking: false,
          zoom: (_, factor) => told.push(factor), click: () => told.push("click"),
          walked: () => told.push("walked"), draw() {}, hover() {}, leave() {}, toMap() {},
        };
        it.followGestures(map);
        const at = (type, pointerId, clientX) =>
          canvas.dispatchEvent(new PointerEvent(type, { pointerId, clientX, button: 0 }));
        at("pointerdown", 1, 10);
        at("pointerdown", 2, 50);
        at("pointermove", 2, 90);
        at("pointerup", 2, 90);
        at("pointermove", 1, 10);
        const still = Math.abs(map.view.x);
        at("pointermove", 1, 20);
        at("pointerup", 1, 20);
        at("pointerdown", 3, 5);
        at("pointercancel", 3, 5);
        at("pointerdown", 4, 5);
        at("pointerup", 4, 5);
        const before = map.view.x;
        at("pointerdown", 5, 5);
        at("pointermove", 6, 50);
        at("pointerup", 5, 5);
        at("pointermove", 6, 90);
        return [still, before, told, map.view.x - before];
        """,
    )
    assert found == [0, -0.1, [2, "click", "click"], 0]


def test_files_dropped_while_others_are_sent_are_not_mixed_up_with_them(page):
    page.js(held("/api/dropped/", "new Response(null, { status: 204 })"))
    page.js(DROP, "first.wav", list(tone(80)))
    page.until("document.querySelector('#drop-dialog').open")
    page.click("#into-library")
    page.until("window.release")
    assert page.js("return document.querySelector('#into-dataset').disabled")
    page.js(DROP, "second.wav", list(tone(90)))
    page.until("document.querySelector('.toast')?.textContent.includes('still on their way')")
    page.js("window.release()")
    page.until("!document.querySelector('#drop-dialog').open")
    sent = page.js("return window.asked.map(([path]) => path).filter((e) => e.includes('dropped'))")
    assert sent == ["/api/dropped/first.wav"]


DROP_MORE = """
const [names, bytes] = arguments;
return import("/drop.js").then(({ take }) => take(names.map((name) =>
  ({ file: new File([new Uint8Array(bytes)], name.split("/").pop()), path: name }))));
"""


def toasts(page: Page) -> str:
    return page.js(
        "return [...document.querySelectorAll('.toast')].map((e) => e.textContent).join()"
    )


def test_only_files_that_arrived_are_counted_as_such(page):
    full = "Response.json({ code: 'disk_full', text: 'no space left' }, { status: 507 })"
    page.js(ANSWER.replace("ANSWERED", f"(path) => path.includes('b.wav') ? {full} : null"))
    page.js(DROP_MORE, ["a.wav", "b.wav", "c.wav", "d.wav"], list(tone(80)))
    page.click("#into-library")
    page.until("!document.querySelector('#drop-dialog').open")
    assert "1 of 4 sounds are in the library" in toasts(page)
    assert "no space left" in toasts(page)


def test_no_more_files_are_sent_when_it_was_cancelled(page):
    page.js(held("/api/dropped/", "new Response(null, { status: 204 })"))
    page.js(DROP_MORE, ["a.wav", "b.wav", "c.wav"], list(tone(80)))
    page.click("#into-library")
    page.until("window.release")
    page.click("#drop-cancel")
    page.js("window.release()")
    page.until("document.querySelector('.toast')?.textContent.startsWith('1 of 3 sounds')")
    asked = page.js("return window.asked.map(([path]) => path).filter((e) => /dropped/.test(e))")
    assert asked == ["/api/dropped/a.wav"]


@pytest.mark.parametrize("character", ["響", "🥁"])
def test_a_long_name_is_cut_to_what_a_file_system_takes(page, character):
    page.js(DROP_MORE, [f"folder/{character * 60}/{character * 60} 1.wav"], list(tone(80)))
    page.click("#into-library")
    page.until("!document.querySelector('#drop-dialog').open")
    assert "1 of 1 sounds are in the library" in toasts(page)
    names = [path.name for path in (page.home / "samples").glob(f"{character}*.wav")]
    assert [name[-7:] for name in names] == [f"{character} 1.wav"]


def test_all_is_asked_for_again_when_the_daemon_was_away_as_the_page_was_looked_at(page):
    page.js(
        "window.EventSource = class extends EventTarget {"
        "  static CLOSED = 2; readyState = 0; close() {}"
        "  constructor() { super(); window.stream = this; } };"
        "Object.defineProperty(document, 'hidden', { get: () => window.behind });"
        "for (const behind of [true, false]) {"
        "  window.behind = behind; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    lost = page.module(
        "bus",
        """
        let lost = 0;
        it.on("lost", () => (lost += 1));
        const told = [];
        for (const what of ["onerror", "onopen", "onerror", "onopen"]) {
          window.stream[what]();
          told.push(lost);
        }
        return told;
        """,
    )
    assert lost == [0, 1, 1, 2]


def test_of_two_points_chosen_quickly_the_last_one_is_selected(page):
    first, second = page.ask("sounds?text=kick&limit=2")["sounds"]
    page.js(held(f"/api/sounds/{first['number']}", f"plain('/api/sounds/{first['number']}')"))
    selected = page.module(
        "map",
        """
        const [numbers] = arguments;
        const map = new it.SoundMap();
        map.points = { numbers };
        const both = [map.choose(0), map.choose(1)];
        return both[1].then(() => window.release()).then(() => both[0])
          .then(() => import("/selection.js")).then(({ selected }) => selected.number);
        """,
        [first["number"], second["number"]],
    )
    assert selected == second["number"]


def test_a_map_that_is_still_being_made_is_asked_for_once_and_again_if_it_is_old(page):
    page.js(held("/api/map", "Response.json({ kinds: [], places: [] })"))
    page.module(
        "map",
        "const map = new it.SoundMap(); map.shown = true; map.load(); map.age(); map.load();",
    )
    asked = "window.asked.filter(([path]) => path === '/api/map').length"
    assert page.js(f"return {asked}") == 1
    page.until("window.release")
    page.js("window.release()")
    page.until(f"{asked} === 2")


def test_a_path_whose_jobs_failed_before_it_was_whole_plays_what_there_is(page):
    sounds = page.ask("sounds?text=kick&limit=2")["sounds"]
    failed = """(path) => path === "/api/morph"
      ? import("/bus.js").then(({ tell }) => {
          tell("failed", { job: "job-f", text: "no" });
          return Response.json({ job: "job-f" }, { status: 202 });
        }) : null"""
    page.keys("m")
    page.js(ANSWER.replace("ANSWERED", failed))
    page.module("morph_path", "return it.playMorph(arguments[0])", sounds)
    assert page.js("return window.asked.filter(([path]) => path === '/api/morph').length") == 3
    assert page.js("return document.querySelectorAll('#strip .coming').length") == 0
    page.until("document.querySelector('#strip .sounding')")


def test_a_training_that_began_while_nobody_listened_is_shown_with_its_losses(page):
    event = {"job": "t1", "dataset": "old kicks", "fraction": 0.5, "seconds_left": 9.0}
    for step in range(3):
        tell(page, "training", {**event, "step": step, "loss": 0.1})
    page.keys("d")
    page.until("document.querySelector('#training-head').textContent === 'old kicks'")
    now = {"job": "t2", "dataset": "new kicks", "fraction": 0.1, "seconds_left": 9.0}
    now["losses"] = [[1, 0.25]]
    answer = f"path === '/api/training' ? Promise.resolve(Response.json({json.dumps(now)})) : null"
    page.js(ANSWER.replace("ANSWERED", f"(path) => {answer}"))
    tell(page, "lost")
    page.until("document.querySelector('#training-head').textContent === 'new kicks'")
    page.until("document.querySelector('#training-facts').textContent.includes('0.2500')")


def test_what_is_typed_about_a_pad_is_that_pads_when_another_one_is_hit(page):
    page.keys("p")
    page.click("#pad-grid .pad[data-place='6']")
    page.until("document.querySelector('#pad-number').textContent === 'Pad A7'")
    name = page.driver.find_element("css selector", "#pad-name")
    name.clear()
    name.send_keys("mine")
    page.click("#pad-grid .pad[data-place='7']")
    page.until("document.querySelector('#pad-number').textContent === 'Pad A8'")
    page.until("document.querySelector('#pad-grid [data-place=\"6\"]').ariaLabel.includes('mine')")
    names = [pad["pad"]["name"] for pad in page.ask("pads")["pads"][6:8]]
    assert (names[0], names[1] != "mine") == ("mine", True)


class Elsewhere(BaseHTTPRequestHandler):
    """A page of somebody else, that tries what it can."""

    address = ""

    def do_GET(self) -> None:
        content = f"""<!doctype html><script>
        window.tried = [];
        const body = JSON.stringify({{ prompt: "stolen" }});
        const tries = [
          fetch("{self.address}/api/generate", {{ method: "POST", body, mode: "no-cors" }}),
          fetch("{self.address}/api/generate", {{ method: "POST", body,
            headers: {{ "Content-Type": "application/json" }} }}),
          fetch("{self.address}/api/status").then((answer) => answer.json()),
        ];
        Promise.allSettled(tries).then((all) => (window.tried = all.map((one) => one.status)));
        </script><form action="{self.address}/api/generate" method="post" target="frame">
        <input name="prompt" value="stolen"></form><iframe name="frame"></iframe>
        <script>document.forms[0].submit();</script>""".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_page_elsewhere_in_the_same_browser_triggers_nothing(served, driver):
    address, home = served
    Elsewhere.address = address
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = Page(driver, address, home)
        # Another port is another origin, though browsers call it the same site.
        driver.get(f"http://127.0.0.1:{server.server_port}/")
        tried = page.until("window.tried.length === 3 && window.tried")
        assert tried[1:] == ["rejected", "rejected"]
        server.shutdown()
    assert page.ask("sounds?text=stolen")["total"] == 0
    driver.get_log("browser")


def test_a_sound_of_few_steps_is_on_a_pad_as_the_model_does_it(page):
    """Its four steps are those of another UNet: the model's many would make noise of so few."""
    wav = render(11, "quickest conga")
    recipe = replace(extract(wav), sampler="distilled", steps=4, guidance=1.0, loras=())
    (page.home / "samples" / "quickest_conga.wav").write_bytes(embed(wav, recipe))
    page.type("#search", "quickest")
    page.until("document.querySelector('#total').textContent === '1 sound'")
    page.keys("\ue007")  # Enter
    page.until("document.querySelector('#detail-path').textContent === 'quickest_conga.wav'")
    page.click("#tab-pads")
    page.click("#pad-grid .pad[data-place='5']")
    page.until("document.querySelector('#pad-grid .pad.chosen').dataset.place === '5'")
    page.js("document.getElementById('to-pad').click()")
    page.until("document.querySelector('#pad-prompt').value === 'quickest conga'")
    pad = page.ask("pads")["pads"][5]["pad"]
    kept = {key: pad.get(key) for key in ("steps", "guidance", "seed")}
    assert kept == {"steps": 0, "guidance": 0.0, "seed": 11}  # 0 is what the model does


def test_a_pad_without_a_width_of_its_own_has_that_of_the_settings(page):
    page.click("#tab-pads")
    page.click("#pad-grid .pad[data-place='6']")
    page.until("document.querySelector('#pad-grid .pad.chosen').dataset.place === '6'")
    assert page.js("return document.querySelector('#pad-width').value") == ""
    for typed, width in (("0", 0.0), ("0.4", 0.4), ("", -1.0)):
        told = page.js(
            "const field = document.querySelector('#pad-width');"
            "const plain = window.fetch;"
            "const sent = new Promise((resolve) => { window.fetch = async (...all) => {"
            "  const answer = await plain(...all);"
            "  if (String(all[0]).endsWith('pad/set')) resolve(answer.ok);"
            "  return answer; }; }).finally(() => { window.fetch = plain; });"
            "field.value = arguments[0]; field.dispatchEvent(new Event('change')); return sent;",
            typed,
        )
        assert told
        assert page.ask("pads")["pads"][6]["pad"]["width"] == width
    page.until("document.querySelector('#pad-width').value === ''")
