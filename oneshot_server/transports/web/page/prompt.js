// The prompt, and how far the jobs are that it began.

import { ask } from "./api.js";
import { on, tell } from "./bus.js";
import { byId, h, icon, toast } from "./dom.js";
import { name } from "./fresh.js";
import { Recent } from "./recent.js";

const LONGEST_SHOWN = 6;
const MOST_KEPT = 300; // jobs

const jobs = new Map(); // job to {fraction, label, row}
const away = new Recent(MOST_KEPT); // jobs of before the events were lost
const mine = new Recent(MOST_KEPT); // jobs that this page began and wants to hear
const ended = new Recent(MOST_KEPT); // an event may be here before the answer that names its job

/** Begin a job and hear its first sound; null if it was refused. */
export async function begin(path, body, label) {
  const answer = await ask(path, body);
  if (!answer) return null;
  mine.set(answer.job, label);
  if (body.prompt) name(answer.job, body.prompt);
  if (!ended.has(answer.job)) jobs.set(answer.job, jobRow(answer.job, label));
  show();
  tell("begun", answer.job);
  return answer.job;
}

/** Whether this page began a job. */
export const isMine = (job) => mine.has(job);

export function startPrompt() {
  const form = byId("prompt-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    generate();
  });
  const count = byId("count");
  byId("fewer").addEventListener("click", () => count.stepDown());
  byId("more").addEventListener("click", () => count.stepUp());
  const novelty = byId("novelty");
  novelty.addEventListener("click", () => {
    novelty.ariaPressed = String(novelty.ariaPressed !== "true");
  });
  on("accepted", ({ job, pad }) => {
    if (pad === null && !jobs.has(job)) jobs.set(job, jobRow(job, ""));
    show();
  });
  on("progress", ({ job, fraction }) => {
    if (away.has(job)) {
      jobs.set(job, away.get(job));
      away.delete(job);
      show();
    }
    if (jobs.has(job)) jobs.get(job).fraction = fraction;
    showProgress();
  });
  on("notice", ({ job, code, text }) => {
    if (!mine.has(job) || code === "reserve_miss") return;
    toast(code === "unknown_words" ? `The model does not know: ${text}` : text);
  });
  on("failed", ({ job, text }) => {
    if (mine.has(job)) toast(`${mine.get(job)}: ${text}`, true);
  });
  for (const name of ["done", "failed", "cancelled"]) {
    on(name, ({ job }) => {
      jobs.delete(job);
      away.delete(job);
      ended.set(job, name);
      show();
    });
  }
  on("lost", () => {
    // What has ended while nobody listened is not told again; what goes on tells how far it is.
    for (const [job, one] of jobs) away.set(job, one);
    jobs.clear();
    show();
  });
  // A training goes on for minutes, and has a view of its own.
  on("training", ({ job }) => jobs.delete(job) && show());
}

/** Make sounds of what the prompt says. */
export async function generate() {
  const prompt = byId("prompt").value.trim();
  if (!prompt) {
    byId("prompt").focus();
    return;
  }
  const body = { prompt, count: Number(byId("count").value) || 1, quality: byId("quality").value };
  const lora = byId("lora").value;
  if (byId("novelty").ariaPressed === "true") body.novelty = 1;
  if (lora) body.lora = `${lora}:1`;
  if (await begin("generate", body, prompt)) tell("generated", prompt);
}

/** A job as it is shown: its row stays, as a button that is replaced while it is pressed does nothing. */
function jobRow(job, label) {
  const row = h(
    "div",
    { class: "job", "--fraction": 0 },
    h("span", {}, label || "a job from elsewhere"),
    h(
      "button",
      {
        type: "button", "aria-label": `cancel ${label || "the job from elsewhere"}`,
        onclick: () => ask("cancel", { job }),
      },
      icon("close"),
    ),
  );
  return { fraction: 0, label, row };
}

function show() {
  const rows = [...jobs.values()].slice(0, LONGEST_SHOWN).map(({ row }) => row);
  const more = jobs.size - rows.length;
  if (more > 0) rows.push(h("div", { class: "job more" }, `and ${more} more`));
  byId("jobs").replaceChildren(...rows);
  showProgress();
}

function showProgress() {
  const all = [...jobs.values()];
  for (const { row, fraction } of all) row.style.setProperty("--fraction", fraction);
  const bar = byId("progress");
  const mean = all.reduce((sum, one) => sum + one.fraction, 0) / (all.length || 1);
  bar.hidden = all.length === 0;
  bar.style.setProperty("--fraction", mean);
  bar.setAttribute("aria-valuenow", Math.round(mean * 100));
}
