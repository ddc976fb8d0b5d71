// One sound of the grid.

import { fileUrl } from "./api.js";
import { h } from "./dom.js";
import { kindName, shortSeconds, stem, title, tone } from "./kinds.js";
import { picture } from "./pictures.js";

/** An empty cell, to be filled with one sound after the other as the grid is scrolled. */
export function makeCell() {
  const parts = {
    wave: h("canvas", { class: "wave", width: 192, height: 128 }),
    name: h("div", { class: "name" }),
    kind: h("span", { class: "kind" }),
    key: h("span", { class: "note" }),
    made: h("span", { class: "made" }),
    length: h("span", { class: "length" }),
    stars: h("span", { class: "stars" }),
    sweep: h("div", { class: "sweep" }),
  };
  const element = h(
    "div",
    { class: "cell", role: "option", draggable: "true" },
    h("div", { class: "thumb" }, h("div", { class: "frame" }, parts.wave), parts.sweep, parts.stars),
    parts.name,
    h("div", { class: "meta" }, parts.kind, parts.key, parts.made, parts.length),
  );
  return { element, parts, sound: undefined, index: -1, total: -1 };
}

/** Show a sound in a cell; null for one that is still to come. */
export function fillCell(cell, sound, index, total) {
  const { element, parts } = cell;
  if (cell.index !== index) {
    cell.index = index;
    element.id = `cell-${index}`;
    element.setAttribute("aria-posinset", index + 1);
  }
  if (cell.total !== total) {
    cell.total = total;
    element.setAttribute("aria-setsize", total);
  }
  if (cell.sound === sound) return;
  cell.sound = sound;
  element.classList.toggle("coming", !sound);
  picture(parts.wave, sound);
  if (!sound) {
    for (const part of [parts.name, parts.kind, parts.key, parts.made, parts.length, parts.stars]) {
      part.textContent = "";
    }
    element.removeAttribute("title");
    element.setAttribute("aria-label", "still to come");
    return;
  }
  element.style.setProperty("--tone", tone(sound.kind));
  parts.name.textContent = title(sound);
  parts.kind.textContent = kindName(sound.kind);
  parts.key.textContent = sound.key;
  parts.made.textContent = sound.parent ? "↳" : "";
  parts.made.title = sound.parent ? `made from ${sound.parent}` : "";
  parts.length.textContent = shortSeconds(sound.seconds);
  parts.stars.textContent = "★".repeat(sound.stars);
  element.title = sound.path;
  element.setAttribute("aria-label", spoken(sound));
}

const running = new WeakMap(); // line to its animation
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Let a line run over a picture for as long as its sound is heard. */
export function sweep(line, seconds, delay = 0) {
  stopSweep(line);
  if (still.matches) return;
  const frames = [
    { opacity: 1, transform: "translateX(0)" },
    { opacity: 1, transform: "translateX(100%)" },
  ];
  // Not by a class, which would have to be laid out once without it.
  running.set(line, line.animate(frames, { duration: seconds * 1000, delay: delay * 1000 }));
}

/** Take the line away. */
export function stopSweep(line) {
  running.get(line)?.cancel();
  running.delete(line);
}

function spoken(sound) {
  const stars = sound.stars ? `${sound.stars} stars` : "no stars";
  return [title(sound), kindName(sound.kind), sound.key, shortSeconds(sound.seconds), stars]
    .filter(Boolean)
    .join(", ");
}

/** Let a sound be dragged out of the browser, into a DAW or a folder. */
export function dragOut(event, sound) {
  const url = new URL(fileUrl(sound), location.href).href;
  const name = `${stem(sound.path)}.${sound.path.split(".").pop()}`;
  event.dataTransfer.effectAllowed = "copy";
  event.dataTransfer.setData("DownloadURL", `audio/wav:${name.replaceAll(":", "_")}:${url}`);
  event.dataTransfer.setData("text/uri-list", url);
  event.dataTransfer.setData("application/x-oneshot", String(sound.number));
}
