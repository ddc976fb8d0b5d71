// Pictures of sounds: a few at a time, so that what is to be heard never waits for what is to be seen.

import { pictureUrl } from "./api.js";
import { on } from "./bus.js";
import { tone } from "./kinds.js";

const AT_ONCE = 2; // of the six connections that a browser has to the daemon
const WIDTH = 192;
const HEIGHT = 128;
const FAINT = 0.16; // the spectrogram behind a waveform

const wanted = new Map(); // canvas to what it is to show, in the order in which it was asked for
const shown = new WeakMap(); // canvas to what it shows
const paths = new WeakMap(); // canvas to the sound's file
const failed = new Set(); // canvases whose picture did not come
const inks = new Map(); // what kinds' colours are made of
const sheet = new OffscreenCanvas(WIDTH, HEIGHT);
const brush = sheet.getContext("2d");
let loading = 0;
let turn = 0; // of those that were asked for together
let soon = false;

/**
 * Show a sound's picture on a canvas as soon as there is one; null for nothing.
 *
 * Of the same sound, which the library knows now or which was made better, the last one stays until
 * then.
 */
export function picture(canvas, sound) {
  const url = sound ? pictureUrl(sound) : "";
  const look = url && `${url} ${sound.kind}`;
  if (shown.get(canvas) === look) return;
  wanted.delete(canvas);
  shown.delete(canvas);
  failed.delete(canvas);
  if (!sound || paths.get(canvas) !== sound.path) {
    canvas.classList.add("coming");
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }
  paths.set(canvas, sound?.path);
  if (!url) return;
  wanted.set(canvas, { url, look, path: sound.path, kind: sound.kind, turn });
  if (soon) return;
  soon = true;
  queueMicrotask(() => {
    soon = false;
    turn += 1;
    next();
  });
}

function next() {
  while (loading < AT_ONCE && wanted.size) {
    // Those that were asked for last are seen now, and of those the first are above.
    let [canvas, want] = wanted.entries().next().value;
    for (const [other, its] of wanted) if (its.turn > want.turn) [canvas, want] = [other, its];
    wanted.delete(canvas);
    fetchOne(canvas, want);
  }
}

on("lost", () => {
  for (const canvas of failed) shown.delete(canvas); // which the next list of sounds asks for again
  failed.clear();
});

async function fetchOne(canvas, want) {
  loading += 1;
  shown.set(canvas, want.look);
  const image = new Image();
  image.fetchPriority = "low";
  image.src = want.url;
  try {
    await image.decode();
    // One of a moment ago is better than none, while the newest is on its way.
    const first = paths.get(canvas) === want.path && canvas.classList.contains("coming");
    if (first || shown.get(canvas) === want.look) draw(canvas, image, want.kind);
  } catch {
    // A file that cannot be drawn is said by what plays it; its cell stays without a picture.
    if (shown.get(canvas) === want.look) {
      canvas.classList.remove("coming");
      failed.add(canvas);
    }
  }
  loading -= 1;
  next();
}

/** White opacity as it comes, in the kind's colour: the upper half a waveform, the lower a spectrogram. */
function draw(canvas, image, kind) {
  brush.globalCompositeOperation = "copy";
  brush.drawImage(image, 0, 0);
  brush.globalCompositeOperation = "source-in";
  brush.fillStyle = ink(kind);
  brush.fillRect(0, 0, WIDTH, HEIGHT);
  if (canvas.width !== WIDTH) [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  pen.globalAlpha = FAINT;
  pen.drawImage(sheet, 0, HEIGHT / 2, WIDTH, HEIGHT / 2, 0, 0, WIDTH, HEIGHT / 2);
  pen.globalAlpha = 1;
  pen.drawImage(sheet, 0, 0);
  canvas.classList.remove("coming");
}

function ink(kind) {
  if (!inks.has(kind)) {
    const colour = tone(kind);
    const shade = brush.createLinearGradient(0, 0, 0, HEIGHT);
    shade.addColorStop(0, colour);
    shade.addColorStop(0.5, colour);
    shade.addColorStop(0.5, `color-mix(in oklab, ${colour} 55%, white)`);
    shade.addColorStop(1, colour);
    inks.set(kind, shade);
  }
  return inks.get(kind);
}
