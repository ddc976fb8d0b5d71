"""What ``benchmarks.page`` runs inside the page: each notes times by the browser's own clock."""

from typing import Final

FIRST_ROW: Final = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (document.querySelector(".cell .name")?.textContent) {
      requestAnimationFrame(() => setTimeout(() => (window.firstRow = performance.now())));
    } else requestAnimationFrame(look);
  };
  look();
});
"""
EAR: Final = """
// Remembers long, as a short sound is over within 100 ms, and knows when what is loud began: frames
// that are drawn meanwhile let it be noticed late, not be late.
const makeEar = (context) => {
  const ear = new AnalyserNode(context, { fftSize: 16384 });
  const samples = new Float32Array(ear.fftSize);
  window.delays = [];
  window.onset = () => {
    ear.getFloatTimeDomainData(samples);
    const now = performance.now();
    const first = samples.findIndex((sample) => Math.abs(sample) > 0.02);
    return first < 0 ? 0 : now - (1000 * (samples.length - first)) / context.sampleRate;
  };
  return ear;
};
// Notes how long after an event its sound begins.
const hear = (event) => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    const at = window.onset();
    if (at) window.delays.push(at - event.timeStamp);
    else channel.port2.postMessage(0);
  };
  channel.port2.postMessage(0);
};
"""
LISTEN: Final = (
    EAR
    + """
// How long each key or click takes until the page starts its sound, and until a loud sample of it
// is at the analyser; both from the time of the event itself.
const done = arguments[arguments.length - 1];
import("/audio.js").then(({ analyser }) => {
  window.starts = [];
  let began = 0;
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...when) {
    if (began) window.starts.push(performance.now() - began);
    began = 0;
    return start.apply(this, when);
  };
  analyser.connect(makeEar(analyser.context));
  const listen = (event) => {
    began = event.timeStamp;
    hear(event);
  };
  addEventListener("keydown", listen, true);
  addEventListener("pointerdown", listen, true);
  done(true);
});
"""
)
ALONE: Final = (
    EAR
    + """
// The least that this browser takes: an empty page whose keys start a loud sound, and no more.
const context = new AudioContext({ latencyHint: "interactive" });
const buffer = new AudioBuffer({ length: 4410, sampleRate: 44100 });
buffer.getChannelData(0).fill(0.5);
const ear = makeEar(context);
ear.connect(context.destination);
addEventListener("keydown", (event) => {
  context.resume();
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(ear);
  source.start();
  hear(event);
});
"""
)
HUSH: Final = """
// Silence, until nothing of the last sound is remembered.
const done = arguments[0];
const wait = () => (window.onset() ? setTimeout(wait, 10) : done(true));
import("/audio.js").then(({ hush }) => { hush(); wait(); });
"""
WATCH: Final = """
// When a cell of a name is there, and when it has its picture, by the clock that the file's writer
// has too.
window.seen = {};
window.drawn = {};
window.told = {};
new MutationObserver(() => {
  for (const cell of document.querySelectorAll(".cell:not([hidden])")) {
    const path = cell.title;
    if (path && !(path in window.seen)) window.seen[path] = Date.now();
    const coming = cell.querySelector(".wave.coming");
    if (path && !coming && !(path in window.drawn)) window.drawn[path] = Date.now();
  }
}).observe(document.querySelector("#grid"), {
  subtree: true, childList: true, characterData: true, attributes: true,
});
import("/bus.js").then(({ on }) => on("sample", ({ path }) => (window.told[path] = Date.now())));
"""
TO_THE_END: Final = """
// Milliseconds from a jump to the list's end until all its cells have names, and pictures.
const done = arguments[0];
const grid = document.querySelector("#grid");
const began = performance.now();
grid.scrollTop = grid.scrollHeight;
const last = (what) => [...document.querySelectorAll(".cell:not([hidden])")].every(what);
let named = 0;
const look = () => {
  const cells = document.querySelectorAll(".cell:not([hidden])");
  const atEnd = [...cells].some((cell) => cell.ariaPosInSet === cell.ariaSetSize);
  if (!named && atEnd && last((cell) => cell.querySelector(".name").textContent)) {
    named = performance.now() - began;
  }
  if (named && last((cell) => !cell.querySelector(".wave.coming"))) {
    done([named, performance.now() - began]);
  } else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
SCROLL: Final = """
// Milliseconds from frame to frame while the grid scrolls by 400 pixels in each, and the share of
// the frames in which some cell had no name yet.
const done = arguments[0];
const grid = document.querySelector("#grid");
grid.scrollTop = 0;
const frames = [];
let blank = 0;
let last = performance.now();
const step = (now) => {
  frames.push(now - last);
  last = now;
  blank += [...document.querySelectorAll(".cell:not([hidden]) .name")].some((e) => !e.textContent);
  grid.scrollTop += 400;
  if (frames.length < 120) requestAnimationFrame(step);
  else done([frames.slice(1), blank / frames.length]);
};
requestAnimationFrame(step);
"""
GO: Final = """
// Goes to a place of the grid, 0 to 1.
const grid = document.querySelector("#grid");
grid.scrollTop = arguments[0] * grid.scrollHeight;
"""
TARGET: Final = """
// The middle of a cell that is seen whole and has a name; null if there is none yet.
const box = document.querySelector("#grid").getBoundingClientRect();
for (const cell of document.querySelectorAll(".cell:not([hidden])")) {
  const { left, top, bottom, width, height } = cell.getBoundingClientRect();
  const seen = top > box.top && bottom < box.bottom;
  if (seen && cell.title) return [left + width / 2, top + height / 2];
}
return null;
"""
SEARCH: Final = """
// Types a word letter by letter, eighty milliseconds each; milliseconds from the last letter until
// what was found for the whole word is drawn.
const [word, done] = arguments;
const search = document.querySelector("#search");
performance.clearResourceTimings();
let typed = 0;
const wait = (began) => {
  const found = performance
    .getEntriesByType("resource")
    .some(({ name, responseEnd }) => name.includes(`text=${word}&`) && responseEnd);
  if (found) requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  else setTimeout(wait, 1, began);
};
const type = () => {
  typed += 1;
  search.value = word.slice(0, typed);
  search.dispatchEvent(new Event("input"));
  if (typed < word.length) setTimeout(type, 80);
  else wait(performance.now());
};
type();
"""
MAP: Final = """
// Milliseconds from the tab's click until all points are drawn.
const done = arguments[0];
const began = performance.now();
document.querySelector("#tab-map").click();
const look = () => {
  if (/^[1-9].*sounds?$/.test(document.querySelector("#map-count").textContent)) {
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  } else requestAnimationFrame(look);
};
look();
"""
PAN: Final = """
// Milliseconds from frame to frame while the map is dragged, and zoomed by the wheel.
const done = arguments[0];
const canvas = document.querySelector("#map");
const box = canvas.getBoundingClientRect();
const at = (type, x, y) =>
  canvas.dispatchEvent(
    new PointerEvent(type, {
      pointerId: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true, button: 0,
    }),
  );
canvas.setPointerCapture = () => {};
const frames = [];
let last = performance.now();
at("pointerdown", 600, 300);
const step = (now) => {
  frames.push(now - last);
  last = now;
  if (frames.length <= 60) at("pointermove", 600 - 3 * frames.length, 300);
  if (frames.length === 60) at("pointerup", 420, 300);
  if (frames.length > 60) {
    canvas.dispatchEvent(
      new WheelEvent("wheel", {
        clientX: box.left + 400, clientY: box.top + 300, deltaY: -20, cancelable: true,
      }),
    );
  }
  if (frames.length < 120) requestAnimationFrame(step);
  else done(frames.slice(1));
};
requestAnimationFrame(step);
"""
