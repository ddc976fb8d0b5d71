// One sound of the grid.

import { fileUrl, pictureUrl } from "./api.js";
import { h } from "./dom.js";
import { kindName, shortSeconds, stem, title, tone } from "./kinds.js";

/** An empty cell, to be filled with one sound after the other as the grid is scrolled. */
export function makeCell() {
  const parts = {
    wave: h("div", { class: "wave" }),
    name: h("div", { class: "name" }),
    kind: h("span", { class: "kind" }),
    key: h("span", { class: "note" }),
    length: h("span", { class: "length" }),
    stars: h("span", { class: "stars" }),
  };
  const element = h(
    "div",
    { class: "cell", role: "option", draggable: "true" },
    h("div", { class: "thumb" }, parts.wave, h("div", { class: "sweep" }), parts.stars),
    parts.name,
    h("div", { class: "meta" }, parts.kind, parts.key, parts.length),
  );
  return { element, parts, sound: null, index: -1 };
}

/** Show a sound in a cell; null for one that is still to come. */
export function fillCell(cell, sound, index, total) {
  const { element, parts } = cell;
  cell.index = index;
  element.id = `cell-${index}`;
  element.setAttribute("aria-posinset", index + 1);
  element.setAttribute("aria-setsize", total);
  if (cell.sound === sound) return;
  const same = sound && cell.sound?.number === sound.number && cell.sound.content === sound.content;
  cell.sound = sound;
  element.classList.toggle("coming", !sound);
  if (!sound) {
    parts.wave.style.removeProperty("--picture");
    for (const part of [parts.name, parts.kind, parts.key, parts.length, parts.stars]) {
      part.textContent = "";
    }
    return;
  }
  if (!same) parts.wave.style.setProperty("--picture", `url("${pictureUrl(sound)}")`);
  element.style.setProperty("--tone", tone(sound.kind));
  parts.name.textContent = title(sound);
  parts.kind.textContent = kindName(sound.kind);
  parts.key.textContent = sound.key;
  parts.length.textContent = shortSeconds(sound.seconds);
  parts.stars.textContent = "★".repeat(sound.stars);
  element.title = sound.path;
  element.setAttribute("aria-label", spoken(sound));
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
