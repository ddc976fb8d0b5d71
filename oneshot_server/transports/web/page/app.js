// The page: its parts, put together.

import { listen } from "./api.js";
import { hush, setVolume } from "./audio.js";
import { on } from "./bus.js";
import { alike, startDetail } from "./detail.js";
import { byId, icon, toast } from "./dom.js";
import { startDrop } from "./drop.js";
import { startEmpty } from "./empty.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { startKeys } from "./keys.js";
import { again, between, vary } from "./making.js";
import { SoundMap } from "./map.js";
import { arrived, isOnPath } from "./morph_path.js";
import { startPads } from "./pads.js";
import { isMine, startPrompt } from "./prompt.js";
import { Recent } from "./recent.js";
import { startScope } from "./scope.js";
import { listenTo, select, selected, setEnd, star } from "./selection.js";
import { Source } from "./source.js";
import { startTraining } from "./training.js";

const MOST_KEPT = 300; // sounds of jobs that may yet turn out to be this page's own
const VOLUME = "volume"; // the browser keeps it
const VIEWS = ["grid", "map", "pads", "train"];

const source = new Source();
const filters = new Filters(source);
const grid = new Grid(source);
const map = new SoundMap();
let view = "grid";

function setView(name) {
  view = name;
  document.body.dataset.view = name;
  for (const one of VIEWS) {
    byId(`${one}-view`).hidden = one !== name;
    const tab = byId(`tab-${one}`);
    tab.setAttribute("aria-selected", one === name);
    tab.tabIndex = one === name ? 0 : -1;
  }
  map.show(name === "map");
}

/** Go to a view, and let the keyboard be where its sounds are. */
function goTo(name) {
  setView(name);
  if (name === "grid" || name === "map") byId(name).focus({ preventScroll: true });
}

function toggleHover() {
  grid.hovering = !grid.hovering;
  byId("hover").setAttribute("aria-pressed", grid.hovering);
  toast(grid.hovering ? "Sounds play under the pointer" : "Sounds play when they are clicked");
}

/** How loud it was; null if that was never said, or the browser is not to keep it. */
function kept() {
  try {
    return localStorage.getItem(VOLUME);
  } catch {
    return null;
  }
}

function keep(level) {
  try {
    localStorage.setItem(VOLUME, level);
  } catch {
    // It is as loud as this until the page is closed.
  }
}

function togglePicture() {
  const spectral = document.body.classList.toggle("spectral");
  byId("picture").setAttribute("aria-pressed", spectral);
}

startPrompt();
startDetail(source);
startPads();
startTraining();
startDrop();
startScope();
startEmpty(source);
startKeys(
  [
    { keys: ["n"], help: "type a prompt", act: () => byId("prompt").focus() },
    { keys: ["/"], help: "search", act: () => { setView("grid"); byId("search").focus(); } },
    { keys: [" "], help: "play again", act: () => selected && listenTo(selected), repeats: true },
    { keys: ["0", "1", "2", "3", "4", "5"], help: "stars", act: ({ key }) => star(Number(key)) },
    { keys: ["v"], help: "vary", act: vary },
    { keys: ["r"], help: "the same recipe with a new seed", act: again },
    { keys: ["l"], help: "more like this", act: () => { goTo("grid"); alike(source); } },
    { keys: ["a"], help: "one end of a morph", act: () => selected && setEnd("a", selected) },
    { keys: ["b"], help: "its other end", act: () => selected && setEnd("b", selected) },
    { keys: ["x"], help: "a sound between the two", act: between },
    { keys: ["t"], help: "add a tag", act: () => selected && byId("new-tag").focus() },
    { keys: ["w"], help: "waveforms or spectrograms", act: togglePicture },
    { keys: ["h"], help: "whether sounds play under the pointer", act: toggleHover },
    { keys: ["g"], help: "grid", act: () => goTo("grid") },
    { keys: ["m"], help: "map", act: () => goTo("map") },
    { keys: ["p"], help: "pads", act: () => goTo("pads") },
    { keys: ["d"], help: "datasets and training", act: () => goTo("train") },
    { keys: ["?"], help: "this list", act: () => byId("help-dialog").showModal() },
    { keys: ["Escape"], help: "silence, and the grid", act: () => { hush(); document.body.classList.remove("detailed"); goTo("grid"); } },
  ],
  () => view,
  (event) => view === "grid" && grid.key(event),
);

for (const name of VIEWS) byId(`tab-${name}`).addEventListener("click", () => goTo(name));
byId("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const next = VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length];
  setView(next);
  byId(`tab-${next}`).focus();
});
for (const element of document.querySelectorAll("[data-icon]")) element.prepend(icon(element.dataset.icon));
byId("hover").addEventListener("click", toggleHover);
byId("picture").addEventListener("click", togglePicture);
byId("help").addEventListener("click", () => byId("help-dialog").showModal());
const volume = byId("volume");
volume.value = kept() ?? volume.value;
setVolume(Number(volume.value));
volume.addEventListener("input", () => {
  setVolume(Number(volume.value));
  keep(volume.value);
});
byId("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== "ArrowDown") return;
  event.preventDefault();
  filters.look().then(() => {
    byId("grid").focus();
    if (source.total) grid.choose(0);
  });
});

// The first sound of a job that this page began is selected and played. It may be there before the
// answer that names the job.
const firsts = new Recent(MOST_KEPT); // job to sound
on("published", ({ job, sound }) => {
  if (firsts.has(job)) return;
  firsts.set(job, sound);
  present(job);
});
on("begun", present);

function present(job) {
  const sound = firsts.get(job);
  if (!sound) return;
  if (isOnPath(job)) arrived(job, sound);
  else if (isMine(job)) select(sound);
}

on("status", ({ state, device, model, queue_length }) => {
  const light = byId("state");
  light.dataset.state = state;
  const waiting = queue_length ? `, ${queue_length} waiting` : "";
  byId("state-text").textContent = `${{ busy: "rendering" }[state] ?? state}${waiting}`;
  light.title = [model, device].filter(Boolean).join(" on ");
});
on("connected", (connected) => {
  document.body.classList.toggle("alone", !connected);
  byId("no-daemon").hidden = connected;
  if (connected) return;
  byId("state").dataset.state = "failed";
  byId("state-text").textContent = "no daemon";
});
on("sounds", () => {
  const { total } = source;
  byId("total").textContent = `${total.toLocaleString()} ${total === 1 ? "sound" : "sounds"}`;
});

setView("grid");
listen();
