// A path over the map as a morph: the sounds it leads past, and what lies between them.

import { ask, audioUrl, said } from "./api.js";
import { decoded, hit, prepare } from "./audio.js";
import { on, tell } from "./bus.js";
import { byId, h } from "./dom.js";
import { title, tone } from "./kinds.js";
import { Recent } from "./recent.js";
import { select } from "./selection.js";

const STEPS_BETWEEN = 3; // sounds that are made between two
const LEAST_GAP_MS = 180;
const MOST_KEPT = 300;

let strip = []; // {sound} or {job, sound: null} in the order of the path
let playing = 0;
const fruitless = new Recent(MOST_KEPT); // jobs that failed: it may be told before their path is whole

/** Play the sounds of a path, and have made what lies between them. */
export async function playMorph(sounds) {
  strip = sounds.map((sound) => ({ sound }));
  draw();
  prepare(sounds);
  const mine = strip;
  const whole = [{ sound: sounds[0] }];
  for (let place = 1; place < sounds.length; place += 1) {
    for (let step = 1; step <= STEPS_BETWEEN; step += 1) {
      const t = step / (STEPS_BETWEEN + 1);
      const body = { path_a: sounds[place - 1].path, path_b: sounds[place].path, t };
      const answer = await ask("morph", body);
      if (strip !== mine) return; // it was closed, or there is another one
      if (!answer) {
        playStrip(); // what is there already
        return;
      }
      whole.push({ job: answer.job, sound: null });
    }
    whole.push({ sound: sounds[place] });
  }
  strip = whole.filter(({ job }) => !fruitless.has(job));
  draw();
  if (strip.every((one) => one.sound)) playStrip();
  for (const { job } of whole) if (job) tell("begun", job);
}

/** Tell of a sound that a job has published. */
export function arrived(job, sound) {
  const place = strip.find((one) => one.job === job);
  if (!place) return;
  place.sound = sound;
  draw();
  if (strip.every((one) => one.sound)) playStrip();
}

/** Whether a job's sound belongs to the path. */
export const isOnPath = (job) => strip.some((one) => one.job === job);

async function playStrip() {
  const turn = (playing += 1);
  for (const { sound } of strip.filter((one) => one.sound)) {
    const buffer = await said(decoded(sound));
    if (turn !== playing) return;
    if (!buffer) continue;
    hit(audioUrl(sound), sound);
    mark(sound);
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(LEAST_GAP_MS, Math.min(500, buffer.duration * 700))),
    );
  }
}

function mark(sound) {
  for (const button of byId("strip").querySelectorAll("button[data-number]")) {
    button.classList.toggle("sounding", button.dataset.number === String(sound.number));
  }
}

function draw() {
  const box = byId("strip");
  box.hidden = strip.length === 0;
  box.replaceChildren(
    h("button", { type: "button", class: "key", onclick: playStrip }, "Play"),
    ...strip.map(({ sound }) =>
      sound
        ? h(
            "button",
            {
              type: "button", class: "bead", "--tone": tone(sound.kind), "data-number": sound.number,
              "aria-label": title(sound), title: title(sound), onclick: () => select(sound),
            },
          )
        : h("span", { class: "bead coming", "aria-label": "still to come" }),
    ),
    h("button", { type: "button", class: "plain", "aria-label": "close the path", onclick: close }, "×"),
  );
}

function close() {
  strip = [];
  playing += 1;
  draw();
}

on("hushed", () => (playing += 1));

on("known", ({ before, sound }) => {
  const bead = strip.find((one) => one.sound?.number === before.number);
  if (!bead) return;
  bead.sound = sound;
  draw();
});

for (const name of ["failed", "cancelled"]) {
  on(name, ({ job }) => {
    fruitless.set(job, name);
    if (!isOnPath(job)) return;
    strip = strip.filter((one) => one.job !== job);
    draw();
    if (strip.length && strip.every((one) => one.sound)) playStrip();
  });
}
