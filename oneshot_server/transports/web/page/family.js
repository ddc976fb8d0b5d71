// The family tree of a sound: what it was made from, and what was made from it.

import { h, s } from "./dom.js";
import { title, tone } from "./kinds.js";
import { select } from "./selection.js";

const STEP_X = 64;
const STEP_Y = 30;
const RADIUS = 8;
const REACH = 14; // of a finger
const HINT = "left: where it comes from, right: what came of it";

/** Draw the family into a box; a sound without one leaves it empty. */
export function drawFamily(box, family, sound) {
  box.replaceChildren();
  box.parentElement.hidden = !family || family.sounds.length < 2;
  if (box.parentElement.hidden) return;
  const places = layOut(family);
  const width = (Math.max(...[...places.values()].map((p) => p.x)) + 1) * STEP_X;
  const height = (Math.max(...[...places.values()].map((p) => p.y)) + 1) * STEP_Y;
  const at = (number) => {
    const { x, y } = places.get(number);
    return [x * STEP_X + RADIUS + 6, y * STEP_Y + RADIUS + 6];
  };
  const lines = family.links
    .filter(([parent, child]) => places.has(parent) && places.has(child))
    .map(([parent, child]) => {
      const [x1, y1] = at(parent);
      const [x2, y2] = at(child);
      const half = (x1 + x2) / 2;
      return s("path", { class: "line", d: `M${x1} ${y1}C${half} ${y1} ${half} ${y2} ${x2} ${y2}` });
    });
  const hint = h("div", { class: "hint" }, HINT);
  const name = (one) => () => (hint.textContent = one ? title(one) : HINT);
  const nodes = family.sounds.map((one) => {
    const [cx, cy] = at(one.number);
    const act = () => select(one);
    return s(
      "g",
      {
        class: one.number === sound.number ? "node here" : "node",
        "--tone": tone(one.kind),
        role: "button",
        tabindex: "0",
        "aria-label": title(one),
        onclick: act,
        onpointerenter: name(one),
        onpointerleave: name(null),
        onfocus: name(one),
        onblur: name(null),
        onkeydown: (event) => [" ", "Enter"].includes(event.key) && act(),
      },
      s("circle", { cx, cy, r: REACH, class: "reach" }),
      s("circle", { cx, cy, r: RADIUS }),
      s("title", {}, `${title(one)} (${one.path})`),
    );
  });
  const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, ...lines, ...nodes);
  box.append(svg, hint);
}

/** Generation and row of each sound: a child is one step to the right of its last parent. */
function layOut({ sounds, links }) {
  const depth = new Map(sounds.map(({ number }) => [number, 0]));
  for (let turn = 0; turn < sounds.length; turn += 1) {
    let moved = false;
    for (const [parent, child] of links) {
      if (!depth.has(parent) || !depth.has(child)) continue;
      if (depth.get(child) <= depth.get(parent) && depth.get(parent) < sounds.length) {
        depth.set(child, depth.get(parent) + 1);
        moved = true;
      }
    }
    if (!moved) break;
  }
  // A sound that comes from nowhere is beside its first child's other parents, not far from it.
  for (const { number } of sounds) {
    const children = links.filter(([parent, child]) => parent === number && depth.has(child));
    const root = !links.some(([parent, child]) => child === number && depth.has(parent));
    if (!root || !children.length) continue;
    depth.set(number, Math.min(...children.map(([, child]) => depth.get(child))) - 1);
  }
  const rows = new Map();
  const places = new Map();
  for (const { number } of sounds) {
    const x = depth.get(number);
    const y = rows.get(x) ?? 0;
    rows.set(x, y + 1);
    places.set(number, { x, y });
  }
  return places;
}
