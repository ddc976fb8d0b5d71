// Sounds that were published a moment ago: seen and heard before the library has looked at them.

import { publishedUrl } from "./api.js";
import { on, tell } from "./bus.js";
import { textToKind } from "./kinds.js";
import { Recent } from "./recent.js";

const MOST_KEPT = 300;
const PATIENCE_MS = 20_000;

const unknown = new Recent(MOST_KEPT); // file's name to sound
const latest = new Recent(MOST_KEPT); // path to what the library said of it last: its event may be the first
const waiting = new Map(); // number of a sound that is still unknown to {promise, resolve, timer}
const prompts = new Recent(MOST_KEPT); // job to what it was asked for
let last = 0;

/** What a job's sounds are called until the library says it. */
export const name = (job, prompt) => prompts.set(job, prompt);

/** Whether the library knows a sound; one that it does not know has a number below zero. */
export const isKnown = (sound) => sound.number > 0;

/** A sound as the library has it, as soon as it has it. */
export function known(sound) {
  if (isKnown(sound)) return Promise.resolve(sound);
  const heard = latest.get(sound.path);
  if (heard) return Promise.resolve(heard);
  if (!waiting.has(sound.number)) waiting.set(sound.number, wait(sound));
  return waiting.get(sound.number).promise;
}

function wait({ number, path }) {
  const one = {};
  one.promise = new Promise((resolve, reject) => {
    one.resolve = resolve;
    one.timer = setTimeout(() => {
      waiting.delete(number);
      reject(new Error(`The library has not looked at ${path} yet`));
    }, PATIENCE_MS);
  });
  return one;
}

on("sample", ({ job, index, path, seed, seconds }) => {
  const file = path.split(/[\\/]/).pop();
  if (latest.has(file)) {
    tell("published", { job, sound: latest.get(file) });
    return;
  }
  const sound = {
    number: (last -= 1), path: file, url: publishedUrl(job, index),
    content: "", kind: textToKind(prompts.get(job) ?? file), key: "", seconds, level_db: null,
    brightness_hz: null, stars: 0, tags: [], plays: 0, changed: Date.now() / 1000, rendered: true,
    prompt: prompts.get(job) ?? "", caption: file.replace(/\.[^.]+$/, "").replace(`_${seed}`, ""),
    seed, parent: "",
  };
  unknown.set(file, sound);
  tell("published", { job, sound });
});

// In a file that the library has not looked at yet is another sound now.
on("better", ({ path, seconds }) => {
  const file = path.split(/[\\/]/).pop();
  const draft = unknown.get(file);
  if (!draft) return;
  const sound = { ...draft, seconds, url: `${draft.url}?better` };
  unknown.set(file, sound);
  tell("improved", sound);
});

on("library", ({ now, gone }) => {
  for (const [path, { number }] of latest) if (gone.includes(number)) latest.delete(path);
  for (const sound of now) {
    latest.set(sound.path, sound);
    const before = unknown.get(sound.path);
    if (!before) continue;
    unknown.delete(sound.path);
    const who = waiting.get(before.number);
    waiting.delete(before.number);
    clearTimeout(who?.timer);
    who?.resolve(sound);
    tell("known", { before, sound });
  }
});

on("lost", () => {
  unknown.clear();
  latest.clear();
});
