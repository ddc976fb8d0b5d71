// Pads: a row below everything, and a view of their own.

import { ask, get, listenUnseen, publishedUrl, said } from "./api.js";
import { hit } from "./audio.js";
import { on } from "./bus.js";
import { byId, h, toast } from "./dom.js";
import { title, toneOf } from "./kinds.js";
import { toPad } from "./making.js";
import { Recent } from "./recent.js";

const IN_BANK = 16;
const AUTO = { width: -1 }; // how a pad says it, where that is not 0
const BANKS = ["A", "B", "C", "D"];
const FLASH_MS = 140;
const MOST_KEPT = 200; // hits
// The keyboard as a drum machine has its pads, the lowest row is the first four: by the places of
// the keys, as their letters are elsewhere on keyboards of other languages.
const PAD_KEYS = [..."ZXCVASDFQWER"].map((letter) => `Key${letter}`)
  .concat([..."1234"].map((digit) => `Digit${digit}`));

const FIELDS = [
  ["name", "Name", "text"],
  ["prompt", "Prompt", "text"],
  ["lora", "LoRA", "text", { placeholder: "none" }],
  ["seconds", "Length s", "number", { min: 0, max: 30, step: 0.05, placeholder: "auto" }],
  ["tune", "Tune st", "number", { min: -24, max: 24, step: 1 }],
  ["level", "Level dB", "number", { min: -40, max: 0, step: 1 }],
  ["width", "Width", "number", { min: 0, max: 1, step: 0.05, placeholder: "auto" }],
  ["choke", "Choke", "number", { min: 0, max: 16, step: 1, placeholder: "off" }],
];

let pads = [];
let levels = [];
let bank = 0;
let chosen = 0;
let monitor = false;
const hits = new Recent(MOST_KEPT); // job to pad
const own = new Recent(MOST_KEPT); // jobs of this page's own hits
const early = new Recent(MOST_KEPT); // sounds that came before the answer that names their job

export function startPads() {
  makeKeys(byId("dock"));
  makeKeys(byId("pad-grid"));
  BANKS.forEach((name, number) =>
    byId("banks").append(
      h(
        "button",
        { type: "button", "aria-pressed": String(number === 0), onclick: () => setBank(number) },
        name,
      ),
    ),
  );
  byId("monitor").addEventListener("click", () => {
    monitor = !monitor;
    listenUnseen(monitor);
    byId("monitor").setAttribute("aria-pressed", monitor);
  });
  byId("kit").addEventListener("change", async () => {
    await ask("kit/load", { name: byId("kit").value });
    load();
  });
  byId("kit-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = byId("kit-name").value.trim();
    if (name && (await ask("kit/save", { name }))) {
      toast(`The pads are saved as the kit ${name}`);
      load();
    }
  });
  byId("learn").addEventListener("click", () => learn(`pad.${chosen}`));
  byId("learn-level").addEventListener("click", () => learn(`pad.${chosen}.level`));
  byId("to-pad").addEventListener("click", () => toPad(chosen));
  makeForm();
  on("accepted", ({ job, pad }) => {
    if (pad === null) return;
    hits.set(job, pad);
    flash(pad);
  });
  on("sample", ({ job, index }) => {
    if (!hits.has(job)) return;
    if (own.has(job) || monitor) hit(publishedUrl(job, index));
    else early.set(job, index);
  });
  for (const name of ["done", "failed", "cancelled"]) {
    on(name, ({ job }) => setTimeout(() => [hits, own, early].forEach((one) => one.delete(job)), 5000));
  }
  on("pads", (told) => {
    levels = told;
    showLevels();
  });
  on("caught up", load);
  on("pad-set", loadPads);
  on("selected", showSelected);
  on("reselected", showSelected);
  showSelected(null);
  nameKeys();
}

/** Which of a bank's pads a key of the keyboard hits; -1 for none. */
export const padOf = (event) => PAD_KEYS.indexOf(event.code);

/** Write on the pads what is on this keyboard's keys, where the browser knows it. */
async function nameKeys() {
  const names = await navigator.keyboard?.getLayoutMap?.().catch(() => null);
  for (const cap of byId("pad-grid").querySelectorAll(".pad-key")) {
    const code = PAD_KEYS[cap.parentElement.dataset.place];
    cap.textContent = (names?.get(code) ?? code.at(-1)).toUpperCase();
  }
}

function showSelected(sound) {
  byId("to-pad").disabled = !sound;
  byId("to-pad").textContent = sound ? `Put “${title(sound)}” here` : "Select a sound to put it here";
}

/** Hit a pad of the bank that is shown. */
export async function strike(place, velocity = 1) {
  const number = bank * IN_BANK + place;
  flash(number);
  choosePad(number);
  if (!pads[number]?.prompt) return;
  const answer = await ask("pad/trigger", { pad: number, velocity });
  if (!answer) return;
  own.set(answer.job, number);
  hits.set(answer.job, number);
  if (early.has(answer.job)) hit(publishedUrl(answer.job, early.get(answer.job)));
}

function makeKeys(box) {
  for (let place = 0; place < IN_BANK; place += 1) {
    box.append(
      h(
        "button",
        {
          type: "button",
          class: "pad",
          "data-place": place,
          onpointerdown: (event) => {
            if (event.button !== 0) return;
            event.preventDefault();
            const at = event.currentTarget.getBoundingClientRect();
            // As on a drum pad that feels where it is hit: full at the top, softer below.
            const high = 1 - (event.clientY - at.top) / at.height;
            strike(place, box.id === "dock" ? 1 : Math.max(0.25, Math.min(1, high * 1.5)));
          },
          onkeydown: (event) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              strike(place);
            }
          },
        },
        h("span", { class: "pad-key" }),
        h("span", { class: "pad-name" }),
        h("span", { class: "pad-level" }),
      ),
    );
  }
}

async function load() {
  const told = await loadPads();
  if (told) loadKits(told.kit);
}

async function loadPads() {
  const told = await said(get("pads"));
  if (!told) return null;
  pads = told.pads.map((one) => one.pad);
  levels = told.pads.map((one) => one.level);
  show();
  return told;
}

async function loadKits(loaded) {
  const kits = await said(get("list/kits"));
  if (!kits) return;
  const box = byId("kit");
  box.replaceChildren(
    ...kits.map(({ name, detail }) => h("option", { value: name, title: detail }, name)),
  );
  box.value = loaded;
}

function setBank(number) {
  bank = number;
  [...byId("banks").children].forEach((button, place) =>
    button.setAttribute("aria-pressed", place === number),
  );
  chosen = bank * IN_BANK + (chosen % IN_BANK);
  show();
}

function show() {
  for (const key of document.querySelectorAll(".pad")) {
    const pad = pads[bank * IN_BANK + Number(key.dataset.place)];
    const label = pad?.name || pad?.prompt || "";
    key.querySelector(".pad-name").textContent = label;
    key.classList.toggle("empty", !pad?.prompt);
    key.style.setProperty("--tone", toneOf(`${pad?.name} ${pad?.prompt}`));
    const number = bank * IN_BANK + Number(key.dataset.place) + 1;
    key.setAttribute("aria-label", `pad ${number}: ${label || "empty"}`);
    key.title = pad?.prompt ?? "";
  }
  showLevels();
  choosePad(chosen);
}

function showLevels() {
  for (const key of document.querySelectorAll(".pad")) {
    const level = levels[bank * IN_BANK + Number(key.dataset.place)];
    if (!level) continue;
    const dots = [];
    for (let dot = 0; dot < Math.min(level.wanted, 8); dot += 1) {
      dots.push(h("i", { class: dot < level.have ? "full" : "" }));
    }
    key.querySelector(".pad-level").replaceChildren(...dots);
    key.classList.toggle("trouble", level.trouble !== "");
  }
}

function flash(number) {
  if (Math.floor(number / IN_BANK) !== bank) return;
  for (const key of document.querySelectorAll(`.pad[data-place="${number % IN_BANK}"]`)) {
    key.classList.add("struck");
    setTimeout(() => key.classList.remove("struck"), FLASH_MS);
  }
}

function choosePad(number) {
  // What is being typed is about the pad that was chosen until now.
  if (number !== chosen) byId("pad-form").querySelector(":focus")?.blur();
  chosen = number;
  for (const key of document.querySelectorAll("#pad-grid .pad")) {
    key.classList.toggle("chosen", bank * IN_BANK + Number(key.dataset.place) === number);
  }
  fillForm();
}

function makeForm() {
  const form = byId("pad-form");
  for (const [name, label, type, range = {}] of FIELDS) {
    const input = h("input", { id: `pad-${name}`, type, autocomplete: "off", ...range });
    input.addEventListener("change", () => {
      const number = input.value === "" ? (AUTO[name] ?? 0) : Number(input.value);
      setPad(name, type === "number" ? number : input.value);
    });
    form.append(h("label", { class: `field ${type}`, for: `pad-${name}` }, label, input));
  }
  const policy = h("select", { id: "pad-seed_policy" },
    h("option", { value: "new" }, "every hit another sound"),
    h("option", { value: "walk" }, "each like the last one"),
    h("option", { value: "fixed" }, "always the same"));
  policy.addEventListener("change", () => setPad("seed_policy", policy.value));
  form.append(h("label", { class: "field text", for: "pad-seed_policy" }, "Seeds", policy));
}

async function setPad(key, value) {
  const number = chosen;
  await ask("pad/set", { pad: number, [key]: value });
  loadPads();
}

function fillForm() {
  const pad = pads[chosen];
  if (!pad) return;
  byId("pad-number").textContent = `Pad ${BANKS[Math.floor(chosen / IN_BANK)]}${(chosen % IN_BANK) + 1}`;
  for (const name of [...FIELDS.map(([field]) => field), "seed_policy"]) {
    const input = byId(`pad-${name}`);
    const empty = input.placeholder && pad[name] === (AUTO[name] ?? 0);
    if (document.activeElement !== input) input.value = empty ? "" : pad[name];
  }
}

async function learn(target) {
  const button = target.endsWith("level") ? byId("learn-level") : byId("learn");
  button.classList.add("waiting");
  toast(target.endsWith("level") ? "Turn a knob…" : "Hit a pad of your controller…");
  const learned = await ask("midi/learn", { target });
  button.classList.remove("waiting");
  if (learned) toast(`${learned.message} now moves ${learned.target}`);
}

