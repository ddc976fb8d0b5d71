// Datasets, the training that runs with its losses, and what came of earlier ones.

import { ask, get, said } from "./api.js";
import { hit } from "./audio.js";
import { on } from "./bus.js";
import { byId, h, icon, settled } from "./dom.js";
import { toneOf } from "./kinds.js";
import { drawLoss } from "./loss_curve.js";
import { begin } from "./prompt.js";

const LOOK_MS = 400;
const MOST_POINTS = 4000; // of the curve, as the daemon keeps
const LIKED = 4; // stars
const OF_TRAININGS = ["skipped", "memory", "held", "stars"]; // notices that nothing else gives

const IDLE = "Nothing has been trained since the daemon was started. Its losses are drawn here as it runs.";
const PREPARING = "Getting ready: sounds are read, and some of the model's own are made";
const DISTANCE = "to sounds that it was not trained on, compared with the model alone";

let run = { job: "", dataset: "", fraction: 0, losses: [] };
let running = false;

export function startTraining() {
  const soon = settled(LOOK_MS, load);
  on("caught up", load);
  on("lora", soon);
  on("uploaded", soon);
  on("training", (event) => {
    if (event.job !== run.job) run = { job: event.job, losses: [] };
    Object.assign(run, event);
    run.losses.push([event.step, event.loss]);
    if (run.losses.length > MOST_POINTS) run.losses.shift();
    running = true;
    show();
  });
  on("notice", ({ job, code, text }) => {
    if (job === run.job || OF_TRAININGS.includes(code)) note(text);
  });
  for (const name of ["done", "failed", "cancelled"]) {
    on(name, ({ job, text }) => {
      if (job !== run.job) return;
      running = false;
      run.over = true;
      if (text) note(text);
      show();
      load();
    });
  }
  on("status", (status) => {
    running = status.training !== "";
    if (!running) run.over = true;
    show();
  });
  byId("train-starred").addEventListener("click", async () => {
    if (await begin("train/starred", { stars: LIKED }, "training taste")) load();
  });
  new ResizeObserver(show).observe(byId("loss"));
}

async function load() {
  const told = await said(
    Promise.all([get("datasets"), get("loras"), get("training")]),
  );
  if (!told) return;
  const [datasets, loras, last] = told;
  const newer = last.job !== run.job || last.losses.length >= run.losses.length;
  if (last.job && newer) run = { ...last, over: !running };
  byId("datasets").replaceChildren(...datasets.map(datasetRow));
  byId("no-datasets").hidden = datasets.length > 0;
  byId("loras").replaceChildren(...loras.map(loraRow));
  byId("no-loras").hidden = loras.length > 0;
  const choice = byId("lora");
  const before = choice.value;
  choice.replaceChildren(
    h("option", { value: "" }, "no LoRA"),
    ...loras.map(({ name }) => h("option", { value: name }, name)),
  );
  choice.value = before;
  byId("lora-field").hidden = loras.length === 0;
  show();
}

function datasetRow({ name, sounds }) {
  return h(
    "li",
    { class: "row", "data-dataset": name },
    h("div", {}, h("b", {}, name), h("small", {}, `${sounds} ${sounds === 1 ? "sound" : "sounds"}`)),
    h(
      "button",
      { type: "button", class: "key", onclick: () => begin("train", { dataset: name }, `training ${name}`) },
      "Train",
    ),
  );
}

function loraRow({ name, versions }) {
  return h(
    "li",
    { class: "lora" },
    h("h4", {}, name),
    versions.length ? versions.map((version) => versionRow(name, version)) : h("small", {}, "another tool's file"),
  );
}

function versionRow(name, { version, live, sounds, held_out_db, base_db, auditions }) {
  return h(
    "div",
    { class: live ? "version live" : "version" },
    h("span", { class: "badge" }, `v${version}`),
    h("span", { class: "facts-line" }, `${sounds} ${sounds === 1 ? "sound" : "sounds"}`),
    h("span", { class: "facts-line", title: DISTANCE }, nearness(base_db - held_out_db)),
    h("span", { class: "auditions" }, ...auditions.map((file) => audition(name, version, file))),
    live ? h("span", { class: "badge on" }, "live") : useButton(name, version),
  );
}

function audition(name, version, file) {
  const prompt = file.replace(/^audition_\d+_|\.wav$/g, "").replaceAll("_", " ");
  const address = `/api/loras/${encodeURIComponent(name)}/${version}/${encodeURIComponent(file)}`;
  return h(
    "button",
    {
      type: "button", class: "chip", "--tone": toneOf(file), onclick: () => hit(address),
      "aria-label": `listen to ${prompt} of ${name} version ${version}`,
    },
    icon("play"),
    prompt,
  );
}

function useButton(name, version) {
  const use = async () => {
    await ask("lora/use", { name, version });
    load();
  };
  return h("button", { type: "button", class: "key", onclick: use }, "Use");
}

/** How much nearer to sounds that it has not heard a LoRA comes. */
const nearness = (better) =>
  better >= 0 ? `${better.toFixed(1)} dB nearer` : `${(-better).toFixed(1)} dB further`;

function note(text) {
  const box = byId("training-notes");
  box.prepend(h("li", {}, text));
  while (box.children.length > 8) box.lastChild.remove();
}

function show() {
  byId("stop-training").hidden = !running || !run.job || run.over;
  byId("stop-training").onclick = () => ask("cancel", { job: run.job });
  const none = !run.job || (running && run.over);
  byId("training-head").textContent = none ? (running ? PREPARING : IDLE) : run.dataset;
  byId("training-head").classList.toggle("idle", none);
  byId("training-facts").replaceChildren(...(none ? [] : facts()));
  const bar = byId("training-bar");
  bar.hidden = none;
  bar.style.setProperty("--fraction", run.fraction);
  bar.setAttribute("aria-valuenow", Math.round(100 * run.fraction));
  byId("loss").hidden = none;
  if (!none) drawLoss(byId("loss"), run.losses);
}

function facts() {
  const [step, loss] = run.losses.at(-1) ?? [0, null];
  const told = [
    ["done", `${Math.round(100 * run.fraction)} %`],
    ["step", step.toLocaleString()],
    ["loss", loss?.toFixed(4) ?? "–"],
  ];
  if (running && run.seconds_left) told.push(["left", minutes(run.seconds_left)]);
  if (!running) told.push(["state", "ended"]);
  return told.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}

const minutes = (seconds) =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
