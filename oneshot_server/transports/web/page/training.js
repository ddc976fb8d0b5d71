// Datasets, the training that runs with its losses, and what came of earlier ones.

import { ask, get, said } from "./api.js";
import { hit } from "./audio.js";
import { on } from "./bus.js";
import { byId, h, settled } from "./dom.js";
import { toneOf } from "./kinds.js";
import { begin } from "./prompt.js";

const LOOK_MS = 400;
const LIKED = 4; // stars
const OF_TRAININGS = ["skipped", "memory", "held", "stars"]; // notices that nothing else gives

let run = { job: "", dataset: "", fraction: 0, losses: [] };
let running = false;

export function startTraining() {
  const soon = settled(LOOK_MS, load);
  on("lost", load);
  on("lora", soon);
  on("uploaded", soon);
  on("training", (event) => {
    if (event.job !== run.job) run = { job: event.job, losses: [] };
    Object.assign(run, event);
    run.losses.push([event.step, event.loss]);
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
  if (last.job && last.losses.length >= run.losses.length) run = { ...last, over: !running };
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
  const better = base_db - held_out_db;
  return h(
    "div",
    { class: live ? "version live" : "version" },
    h("span", { class: "badge" }, `v${version}`),
    h(
      "span",
      { class: "auditions" },
      ...auditions.map((file, place) =>
        h(
          "button",
          {
            type: "button",
            class: "bead",
            "--tone": toneOf(file),
            title: file.replace(/^audition_\d_|\.wav$/g, "").replaceAll("_", " "),
            "aria-label": `listen to sound ${place + 1} of ${name} version ${version}`,
            onclick: () =>
              hit(`/api/loras/${encodeURIComponent(name)}/${version}/${encodeURIComponent(file)}`),
          },
        ),
      ),
    ),
    h("small", {}, `${sounds} sounds, ${better >= 0 ? "−" : "+"}${Math.abs(better).toFixed(2)} dB`),
    live
      ? h("span", { class: "badge on" }, "live")
      : h(
          "button",
          {
            type: "button",
            class: "plain",
            onclick: async () => {
              await ask("lora/use", { name, version });
              load();
            },
          },
          "use",
        ),
  );
}

function note(text) {
  const box = byId("training-notes");
  box.prepend(h("li", {}, text));
  while (box.children.length > 8) box.lastChild.remove();
}

function show() {
  const head = byId("training-head");
  byId("stop-training").hidden = !running || !run.job || run.over;
  byId("stop-training").onclick = () => ask("cancel", { job: run.job });
  if (!run.job || (running && run.over)) {
    head.textContent = running
      ? "getting ready: sounds are read, and some of the model's own are made"
      : "nothing has been trained since the daemon was started";
  } else {
    const last = run.losses.at(-1);
    const left = running && run.seconds_left ? `, ${minutes(run.seconds_left)} left` : "";
    head.textContent =
      `${run.dataset}: ${Math.round(run.fraction * 100)} %, step ${last?.[0] ?? 0}, ` +
      `loss ${last?.[1].toFixed(4) ?? "–"}${left}`;
  }
  byId("training-bar").style.setProperty("--fraction", run.fraction);
  drawLoss(byId("loss"), run.losses);
}

const minutes = (seconds) =>
  seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;

/** The losses over the steps, the single ones faint and their running mean bright. */
function drawLoss(canvas, losses) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "11px ui-monospace, monospace";
  pen.strokeStyle = "#262a32";
  pen.fillStyle = "#6d7480";
  const values = losses.map(([, loss]) => loss);
  const low = Math.min(...values, Infinity);
  const high = Math.max(...values, -Infinity);
  const room = { left: 52, right: 12, top: 12, bottom: 22 };
  for (let line = 0; line <= 4; line += 1) {
    const y = room.top + (line / 4) * (height - room.top - room.bottom);
    pen.beginPath();
    pen.moveTo(room.left, y);
    pen.lineTo(width - room.right, y);
    pen.stroke();
    if (values.length > 1) pen.fillText((high - (line / 4) * (high - low)).toFixed(3), 8, y + 4);
  }
  if (values.length < 2) {
    pen.textAlign = "center";
    pen.fillText("the losses of a training are drawn here as it runs", width / 2, height / 2 - 8);
    return;
  }
  const first = losses[0][0];
  const last = losses.at(-1)[0];
  const x = (step) => room.left + ((step - first) / (last - first || 1)) * (width - room.left - room.right);
  const y = (loss) =>
    room.top + (1 - (loss - low) / (high - low || 1)) * (height - room.top - room.bottom);
  pen.fillText(String(last), width - room.right - 30, height - 6);
  pen.fillText(String(first), room.left, height - 6);
  line(pen, losses.map(([step, loss]) => [x(step), y(loss)]), "rgb(255 180 84 / 35%)", 1);
  let mean = values[0];
  const smooth = losses.map(([step, loss]) => {
    mean += 0.12 * (loss - mean);
    return [x(step), y(mean)];
  });
  line(pen, smooth, "#ffb454", 2);
}

function line(pen, points, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  points.forEach(([px, py], place) => (place ? pen.lineTo(px, py) : pen.moveTo(px, py)));
  pen.stroke();
}
