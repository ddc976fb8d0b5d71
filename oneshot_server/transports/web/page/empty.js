// What the grid says while it has nothing to show.

import { on } from "./bus.js";
import { byId, h } from "./dom.js";
import { generate } from "./prompt.js";

const FIRST_PROMPTS = ["punchy kick", "short bright snare", "dark tom 90 hz", "metallic closed hat"];

export function startEmpty(source) {
  const box = byId("nothing");
  let shown = "";
  const show = () => {
    const why = reason(source);
    const now = JSON.stringify([why, source.trouble, source.query]);
    byId("grid").classList.toggle("empty", why !== "");
    if (now === shown) return;
    shown = now;
    box.replaceChildren(...(why ? SAID[why](source) : []));
    box.hidden = !why;
  };
  on("sounds", show);
  on("query", show);
}

function reason(source) {
  if (source.total) return "";
  if (source.trouble) return "trouble";
  if (!source.known) return "coming";
  return source.narrowed ? "unfound" : "none";
}

const SAID = {
  coming: () => [h("p", {}, "Looking for sounds…")],
  trouble: (source) => [
    h("h3", {}, "The sounds cannot be listed"),
    h("p", {}, source.trouble),
    h("p", { class: "quiet" }, "The page goes on by itself as soon as they can."),
  ],
  unfound: (source) => [
    h("h3", {}, "No sound is like that"),
    h("p", {}, describe(source.query)),
    h(
      "button",
      { type: "button", class: "key", onclick: () => all(source) },
      "Show all sounds",
    ),
  ],
  none: () => [
    h("h3", {}, "No sounds yet"),
    h("p", {}, "Say what you want to hear, or drop sounds anywhere on this page."),
    h("div", { class: "first-prompts" }, ...FIRST_PROMPTS.map(firstPrompt)),
  ],
};

function all(source) {
  byId("search").value = "";
  source.narrow({ text: "", kind: "", tag: "", stars: 0 });
  byId("grid").focus();
}

function describe({ text, kind, tag, stars }) {
  const parts = [
    text && `with “${text}” in its name, prompt or tags`,
    kind && `of the kind ${kind.replace("_", " ")}`,
    tag && `with the tag ${tag}`,
    stars && `with ${stars} ${stars === 1 ? "star" : "stars"} or more`,
  ];
  return `There is none ${parts.filter(Boolean).join(" and ")}.`;
}

function firstPrompt(prompt) {
  const act = () => {
    byId("prompt").value = prompt;
    generate();
  };
  return h("button", { type: "button", class: "chip", onclick: act }, prompt);
}
