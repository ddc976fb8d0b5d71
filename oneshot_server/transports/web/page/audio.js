// Sounds decoded ahead and started at once.

import { audioUrl, bytesOf } from "./api.js";
import { tell } from "./bus.js";
import { toast } from "./dom.js";

const MOST_BYTES = 160e6; // of decoded sound that is kept
const FADE_SECONDS = 0.004;
const GLIDE_SECONDS = 0.01;
// Files that are fetched ahead at the same time: a browser has six connections to the daemon, and
// one must be free for what is waited for.
const AT_ONCE = 2;

export const context = new AudioContext({ latencyHint: "interactive" });
const volume = new GainNode(context);
export const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
volume.connect(analyser).connect(context.destination);

const buffers = new Map(); // url to AudioBuffer, the least recent first
const coming = new Map(); // url to promise
const queue = []; // urls to be fetched ahead
let kept = 0;
let fetching = 0;
const sounding = new Set(); // all that is heard: {source, gain}
let current = null; // the one of them that is auditioned
let wanted = ""; // url that was asked for last

/** How loud, 0 to 1, as it is heard: half way is a quarter of the amplitude. */
export function setVolume(level) {
  const gain = level * level;
  if (context.state === "running") {
    volume.gain.setTargetAtTime(gain, context.currentTime, GLIDE_SECONDS);
  } else volume.gain.value = gain;
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
  sounding.forEach(release);
  tell("hushed");
}

/** The decoded sound. */
export const decoded = (sound) => load(audioUrl(sound), "high");

/** Decode sounds before they are asked for; the first ones first. */
export function prepare(sounds) {
  const urls = sounds.map(audioUrl).filter((url) => !buffers.has(url) && !coming.has(url));
  queue.splice(0, queue.length, ...urls);
  for (let i = fetching; i < AT_ONCE; i += 1) fetchNext();
}

/** Keep what was decoded of a sound under the address that it has now. */
export function adopt(before, now) {
  const [old, url] = [audioUrl(before), audioUrl(now)];
  if (!buffers.has(old) || buffers.has(url)) return;
  buffers.set(url, buffers.get(old));
  buffers.delete(old);
}

async function fetchNext() {
  const url = queue.shift();
  if (!url) return;
  fetching += 1;
  try {
    await load(url, "low");
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
  load(url, "high").then(
    (buffer) => {
      if (!alone || wanted === url) start(buffer, sound, alone);
    },
    (problem) => toast(`${sound?.path ?? "This sound"} cannot be played: ${problem.message}`, true),
  );
}

function start(buffer, sound, alone) {
  if (alone && current) release(current);
  const source = new AudioBufferSourceNode(context, { buffer });
  const gain = new GainNode(context);
  source.connect(gain).connect(volume);
  source.start();
  const playing = { source, gain };
  sounding.add(playing);
  if (alone) current = playing;
  source.onended = () => {
    sounding.delete(playing);
    if (current === playing) current = null;
    gain.disconnect();
  };
  tell("playing", { sound, seconds: buffer.duration });
}

function release(playing) {
  const now = context.currentTime;
  playing.gain.gain.setValueAtTime(1, now);
  playing.gain.gain.linearRampToValueAtTime(0, now + FADE_SECONDS);
  playing.source.stop(now + FADE_SECONDS);
  sounding.delete(playing);
  if (current === playing) current = null;
}

function load(url, priority) {
  if (buffers.has(url)) {
    const buffer = buffers.get(url);
    buffers.delete(url);
    buffers.set(url, buffer);
    return Promise.resolve(buffer);
  }
  if (!coming.has(url)) {
    coming.set(url, decode(url, priority).finally(() => coming.delete(url)));
  }
  return coming.get(url);
}

async function decode(url, priority) {
  const bytes = await bytesOf(url, priority);
  const buffer = await context.decodeAudioData(bytes).catch(() => {
    throw new Error("this browser does not know its format");
  });
  buffers.set(url, buffer);
  kept += sizeOf(buffer);
  for (const [old, its] of buffers) {
    if (kept <= MOST_BYTES) break;
    buffers.delete(old);
    kept -= sizeOf(its);
  }
  return buffer;
}

const sizeOf = (buffer) => buffer.length * buffer.numberOfChannels * 4;
