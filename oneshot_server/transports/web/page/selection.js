// The one sound that everything is about, and the two that a morph is between.

import { post, said } from "./api.js";
import { adopt, audition } from "./audio.js";
import { on, tell } from "./bus.js";
import { known } from "./fresh.js";

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
  heard = setTimeout(async () => {
    // Nobody asked for this: that a sound was not counted is no news, that it is gone is.
    const real = await known(sound).catch(() => null);
    if (real) said(post(`sounds/${real.number}/played`));
  }, HEARD_MS);
}

/** Make a sound one of the morph's ends. */
export function setEnd(name, sound) {
  ends[name] = sound;
  tell("ends", ends);
}

/** Rate the selected sound; the stars that it has already are taken away. */
export async function star(stars, sound = selected) {
  if (!sound) return;
  const real = await said(known(sound));
  if (!real) return;
  const wanted = real.stars === stars ? 0 : stars;
  const marked = await said(post(`sounds/${real.number}/stars`, { stars: wanted }));
  if (marked) update([marked]);
}

/** Take what the daemon says of some sounds now. */
export function update(sounds) {
  for (const sound of sounds) {
    if (selected?.number === sound.number) {
      selected = sound;
      tell("reselected", sound);
    }
    for (const name of ["a", "b"]) if (ends[name]?.number === sound.number) setEnd(name, sound);
  }
  tell("changed", sounds);
}

on("library", ({ now }) => update(now));
on("improved", (sound) => update([sound]));

on("known", ({ before, sound }) => {
  adopt(before, sound);
  if (selected?.number === before.number) {
    selected = sound;
    tell("reselected", sound);
  }
  for (const name of ["a", "b"]) if (ends[name]?.number === before.number) setEnd(name, sound);
});
