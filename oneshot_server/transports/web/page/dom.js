// Elements without markup in strings: whatever a file is called, it is text.

const SVG = "http://www.w3.org/2000/svg";
const REMARK_MS = 4000;
const GRAVE_MS = 8000;
const MOST_TOASTS = 4;

/** Make an element; "on…" are listeners, "--…" custom properties, the rest attributes. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Make an element of SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** The one element of the page with this id. */
export const byId = (id) => document.getElementById(id);

const PATHS = {
  grid: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
  map: "M6 17a2 2 0 1 0 .1 0M12 7a2 2 0 1 0 .1 0M18 13a2 2 0 1 0 .1 0M7.5 15.5 11 9M13.5 9.5l3 3",
  pads: "M5 5h4v4H5zM15 5h4v4h-4zM5 15h4v4H5zM15 15h4v4h-4zM11 11h2v2h-2z",
  train: "M3 18c3 0 3-10 6-10s2 7 5 7 3-9 7-9",
  search: "M10.5 4a6.5 6.5 0 1 0 .1 0M15.5 15.5 20 20",
  hover: "M8 3v13l3.5-3 2.5 6 2.5-1-2.5-6H18z",
  wave: "M3 12h2l2-7 3 14 3-18 3 16 2-5h3",
  close: "M6 6l12 12M18 6 6 18",
  volume: "M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
  spark: "M12 3c1 6 3 8 9 9-6 1-8 3-9 9-1-6-3-8-9-9 6-1 8-3 9-9z",
  play: "M8 5v14l11-7z",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  learn: "M12 3v6M8 5v4M16 5v4M5 9h14v4a7 7 0 0 1-14 0zM12 20v2",
  path: "M4 18c4-8 6 2 9-4s4-8 7-8M4 18h.01M20 6h.01",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.5v.5",
};

/** A line icon, hidden from screen readers: its button has a name. */
export function icon(name) {
  return s(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    s("path", { d: PATHS[name] }),
  );
}

/** Call a function when calls have paused for so many milliseconds. */
export function settled(milliseconds, act) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds, ...args);
  };
}

const shownFor = new Map(); // text to {line, timer}

/** A remark that goes by itself; one that is there already stays a while longer. */
export function toast(text, grave = false) {
  const box = byId("toasts");
  const before = shownFor.get(text);
  const line = before?.line ?? h("div", { class: grave ? "toast grave" : "toast" }, text);
  clearTimeout(before?.timer);
  if (!before) box.append(line);
  const go = (one, its) => {
    its.line.remove();
    shownFor.delete(one);
  };
  const shown = { line };
  shown.timer = setTimeout(() => go(text, shown), grave ? GRAVE_MS : REMARK_MS);
  shownFor.set(text, shown);
  if (shownFor.size > MOST_TOASTS) {
    const [oldest, its] = shownFor.entries().next().value;
    clearTimeout(its.timer);
    go(oldest, its);
  }
}
