// Sounds decoded ahead and started at once.

import { audioUrl } from "./api.js";
import { tell } from "./bus.js";
import { toast } from "./dom.js";

const MOST_BYTES = 160e6; // of decoded sound that is kept
const FADE_SECONDS = 0.004;
const AT_ONCE = 4; // files that are fetched ahead at the same time

export const context = new AudioContext({ latencyHint: "interactive" });
const volume = new GainNode(context, { gain: 0.8 });
export const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
volume.connect(analyser).connect(context.destination);

const buffers = new Map(); // url to AudioBuffer, the least recent first
const coming = new Map(); // url to promise
const queue = []; // urls to be fetched ahead
let kept = 0;
let fetching = 0;
let current = null; // what is auditioned: {source, gain}
let wanted = ""; // url that was asked for last

/** How loud, 0 to 1. */
export function setVolume(level) {
  volume.gain.setTargetAtTime(level * level, context.currentTime, 0.01);
}

/** Audition a sound: at once if it is decoded, and in place of the one before. */
export function audition(sound) {
  play(audioUrl(sound), sound, true);
}

/** Play a file beside whatever sounds. */
export function hit(url, sound = null) {
  play(url, sound, false);
}

/** Fall silent. */
export function hush() {
  wanted = "";
  release();
}

/** The decoded sound. */
export const decoded = (sound) => load(audioUrl(sound));

/** Decode sounds before they are asked for; the first ones first. */
export function prepare(sounds) {
  const urls = sounds.map(audioUrl).filter((url) => !buffers.has(url) && !coming.has(url));
  queue.splice(0, queue.length, ...urls);
  for (let i = fetching; i < AT_ONCE; i += 1) fetchNext();
}

async function fetchNext() {
  const url = queue.shift();
  if (!url) return;
  fetching += 1;
  try {
    await load(url);
  } catch {
    // It is told when somebody wants to hear it.
  }
  fetching -= 1;
  fetchNext();
}

function play(url, sound, alone) {
  if (context.state !== "running") context.resume();
  if (alone) wanted = url;
  const ready = buffers.get(url);
  if (ready) {
    start(ready, sound, alone);
    return;
  }
  load(url).then(
    (buffer) => {
      if (!alone || wanted === url) start(buffer, sound, alone);
    },
    () => toast(`${sound ? sound.path : "This sound"} cannot be played by this browser`, true),
  );
}

function start(buffer, sound, alone) {
  if (alone) release();
  const source = new AudioBufferSourceNode(context, { buffer });
  const gain = new GainNode(context);
  source.connect(gain).connect(volume);
  source.start();
  if (alone) {
    const playing = { source, gain };
    current = playing;
    source.onended = () => {
      if (current === playing) current = null;
      gain.disconnect();
    };
  } else {
    source.onended = () => gain.disconnect();
  }
  tell("playing", { sound, seconds: buffer.duration });
}

function release() {
  if (!current) return;
  const now = context.currentTime;
  current.gain.gain.setValueAtTime(1, now);
  current.gain.gain.linearRampToValueAtTime(0, now + FADE_SECONDS);
  current.source.stop(now + FADE_SECONDS);
  current = null;
}

function load(url) {
  if (buffers.has(url)) {
    const buffer = buffers.get(url);
    buffers.delete(url);
    buffers.set(url, buffer);
    return Promise.resolve(buffer);
  }
  if (!coming.has(url)) coming.set(url, decode(url).finally(() => coming.delete(url)));
  return coming.get(url);
}

async function decode(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const buffer = await context.decodeAudioData(await response.arrayBuffer());
  buffers.set(url, buffer);
  kept += bytes(buffer);
  for (const [old, its] of buffers) {
    if (kept <= MOST_BYTES) break;
    buffers.delete(old);
    kept -= bytes(its);
  }
  return buffer;
}

const bytes = (buffer) => buffer.length * buffer.numberOfChannels * 4;
