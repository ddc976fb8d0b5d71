// The one sound that everything is about, and the two that a morph is between.

import { post } from "./api.js";
import { audition } from "./audio.js";
import { on, tell } from "./bus.js";

const HEARD_MS = 350; // what is passed by more quickly was not listened to

export let selected = null;
export const ends = { a: null, b: null };
let heard = 0;
let frame = 0;

/** Select a sound; by default it is heard. */
export function select(sound, { play = true } = {}) {
  selected = sound;
  if (play) listenTo(sound);
  // What is heard comes before what is seen, and of quick keys only the last one is drawn.
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => tell("selected", sound));
}

/** Play a sound, and count it if it is not passed by at once. */
export function listenTo(sound) {
  audition(sound);
  clearTimeout(heard);
  heard = setTimeout(() => post(`sounds/${sound.number}/played`).catch(() => {}), HEARD_MS);
}

/** Make a sound one of the morph's ends. */
export function setEnd(name, sound) {
  ends[name] = sound;
  tell("ends", ends);
}

/** Rate the selected sound. */
export async function star(stars, sound = selected) {
  if (!sound) return;
  const wanted = sound.stars === stars ? 0 : stars;
  update(await post(`sounds/${sound.number}/stars`, { stars: wanted }));
}

/** Take what the daemon says of a sound now. */
export function update(sound) {
  if (!sound) return;
  tell("sound", sound);
}

on("sound", (sound) => {
  if (selected?.number === sound.number) {
    selected = sound;
    tell("reselected", sound);
  }
  for (const name of ["a", "b"]) if (ends[name]?.number === sound.number) setEnd(name, sound);
});
on("library", ({ now }) => now.forEach(update));
