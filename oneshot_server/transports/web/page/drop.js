// Files dragged in: into a dataset, or into the library.

import { put } from "./api.js";
import { tell } from "./bus.js";
import { byId, toast } from "./dom.js";

const SOUND = /\.(wav|wave|aiff?|aifc|flac|og[ga]|mp3)$/i;
const DEEPEST = 6;
const MOST_BYTES = 200; // of a name: file systems take 255, and one that is taken gets a number

let waiting = []; // files that were dropped and have no place yet: {file, name}
let sending = false;

export function startDrop() {
  const veil = byId("veil");
  let over = 0;
  const comesFromOutside = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!comesFromOutside(event)) return;
    over += 1;
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (comesFromOutside(event) && (over -= 1) <= 0) veil.hidden = true;
  });
  addEventListener("dragover", (event) => {
    if (comesFromOutside(event)) event.preventDefault();
  });
  addEventListener("drop", async (event) => {
    if (!comesFromOutside(event)) return;
    event.preventDefault();
    over = 0;
    veil.hidden = true;
    take(await filesOf(event.dataTransfer));
  });
  byId("choose-files").addEventListener("change", (event) => {
    take([...event.target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
    event.target.value = "";
  });
  byId("drop-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = byId("dataset-name").value.trim();
    if (name) send((file) => `datasets/${encodeURIComponent(name)}/${encodeURIComponent(file)}`, name);
  });
  byId("into-library").addEventListener("click", () =>
    send((file) => `dropped/${encodeURIComponent(file)}`, "the library"),
  );
  byId("drop-cancel").addEventListener("click", () => byId("drop-dialog").close());
}

/** Ask where the sounds among some files go; all else is left out. */
export function take(files) {
  if (sending) {
    toast("The files before are still on their way");
    return;
  }
  waiting = files.filter(({ path }) => SOUND.test(path)).map(named);
  const out = files.length - waiting.length;
  if (!waiting.length) {
    toast(`No sounds among ${files.length} files: WAV, AIFF, FLAC, OGG or MP3`, true);
    return;
  }
  const folder = files[0].path.includes("/") ? files[0].path.split("/")[0] : "";
  byId("drop-head").textContent =
    `${waiting.length} ${waiting.length === 1 ? "sound" : "sounds"}` +
    (out ? `, ${out} other files are left out` : "");
  byId("dataset-name").value = folder || "my sounds";
  byId("drop-progress").hidden = true;
  byId("drop-dialog").showModal();
  byId("dataset-name").select();
}

/** A file under a name that says where it was: folders' names are words about its sounds. */
function named({ file, path }) {
  const parts = path.split("/");
  const inner = parts.length > 2 ? parts.slice(1) : parts.slice(-1);
  const name = inner.join(" ").replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_");
  return { file, name: endOf(name).replace(/^\.+/, "") };
}

/** As much of a name's end as fits, in whole characters. */
function endOf(name) {
  const characters = [...name].slice(-MOST_BYTES);
  while (new TextEncoder().encode(characters.join("")).length > MOST_BYTES) characters.shift();
  return characters.join("");
}

async function send(urlOf, where) {
  const dialog = byId("drop-dialog");
  const files = waiting;
  const bar = byId("drop-progress");
  bar.hidden = false;
  setSending(true);
  let sent = 0;
  let failed = 0;
  for (const [place, { file, name }] of files.entries()) {
    if (!dialog.open) break; // it was cancelled
    bar.style.setProperty("--fraction", place / files.length);
    try {
      await put(urlOf(name), file);
      sent += 1;
    } catch (problem) {
      failed += 1;
      toast(problem.message, true);
      if (problem.status === 507 || failed > 5) break;
    }
  }
  setSending(false);
  dialog.close();
  toast(`${sent} of ${files.length} sounds are in ${where}`);
  tell("uploaded", where);
}

function setSending(now) {
  sending = now;
  for (const id of ["into-dataset", "into-library"]) byId(id).disabled = now;
}

async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, "", found, 0);
  return found;
}

async function walk(entry, path, found, depth) {
  if (entry.name.startsWith(".") || depth > DEEPEST) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: `${path}${entry.name}` });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const one of some) await walk(one, `${path}${entry.name}/`, found, depth + 1);
  }
}

