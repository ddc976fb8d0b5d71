// Search, kinds, tags, stars and order.

import { get, said } from "./api.js";
import { on } from "./bus.js";
import { byId, h, icon, settled } from "./dom.js";
import { kindName, title, tone } from "./kinds.js";

const TYPING_MS = 60;
const COUNT_MS = 600;
const SORTS = {
  newest: "newest first",
  oldest: "oldest first",
  name: "by name",
  stars: "most stars",
  plays: "most played",
  shortest: "shortest",
  longest: "longest",
  darkest: "darkest",
  brightest: "brightest",
};

export class Filters {
  constructor(source) {
    this.source = source;
    this.search = byId("search");
    this.search.addEventListener("input", settled(TYPING_MS, () => this.look()));
    this.sort = byId("sort");
    for (const [value, name] of Object.entries(SORTS)) this.sort.append(h("option", { value }, name));
    this.sort.addEventListener("change", () => source.narrow({ sort: this.sort.value }));
    this.makeStars();
    const soon = settled(COUNT_MS, () => this.count());
    on("library", soon);
    on("caught up", () => this.count());
    on("query", () => this.show());
    on("sounds", () => this.showWaiting());
  }

  /** Look for what was typed, if that is not what is shown. */
  async look() {
    const text = this.search.value.trim();
    if (text !== this.source.query.text || this.source.like) await this.source.narrow({ text });
  }

  makeStars() {
    this.stars = byId("least-stars");
    for (let stars = 1; stars <= 5; stars += 1) {
      this.stars.append(
        h(
          "button",
          {
            type: "button",
            "aria-label": `at least ${stars} ${stars === 1 ? "star" : "stars"}`,
            "aria-pressed": "false",
            onclick: () =>
              this.source.narrow({ stars: this.source.query.stars === stars ? 0 : stars }),
          },
          "★",
        ),
      );
    }
  }

  /** Count what there is to narrow by. */
  async count() {
    this.facets = (await said(get("facets"))) ?? this.facets;
    this.show();
  }

  show() {
    const { query, like } = this.source;
    [...this.stars.children].forEach((button, place) =>
      button.setAttribute("aria-pressed", place < query.stars),
    );
    if (!this.facets) return;
    const { kinds, tags, sounds } = this.facets;
    const chips = [];
    if (like) chips.push(this.likeChip(like));
    chips.push(this.chip("all", sounds, !query.kind && !query.tag && !like, "", () =>
      this.source.narrow({ kind: "", tag: "" }),
    ));
    for (const [kind, count] of byCount(kinds)) {
      const pressed = query.kind === kind && kind !== "" && !like;
      chips.push(this.chip(kindName(kind), count, pressed, tone(kind), () =>
        this.source.narrow({ kind: pressed ? "" : kind }), kind === ""));
    }
    for (const [tag, count] of byCount(tags)) {
      const pressed = query.tag === tag && !like;
      chips.push(this.chip(`#${tag}`, count, pressed, null, () =>
        this.source.narrow({ tag: pressed ? "" : tag })));
    }
    byId("chips").replaceChildren(...chips);
    this.showWaiting();
  }

  /** What the list cannot show, or not yet. */
  showWaiting() {
    const { waiting = 0 } = this.facets ?? {};
    const looking = waiting ? `looking at ${waiting.toLocaleString()} files` : "";
    byId("waiting").textContent = this.source.trouble || looking;
  }

  chip(name, count, pressed, colour, act, off = false) {
    return h(
      "button",
      {
        type: "button", class: "chip", "aria-pressed": String(pressed), onclick: act,
        "--tone": colour || null, disabled: off,
      },
      colour ? h("span", { class: "dot" }) : null,
      name,
      h("span", { class: "count" }, count.toLocaleString()),
    );
  }

  likeChip(sound) {
    return h(
      "button",
      {
        type: "button", class: "chip like", "aria-pressed": "true", "--tone": tone(sound.kind),
        onclick: () => this.source.narrow({}),
      },
      h("span", { class: "dot" }),
      h("span", { class: "what" }, `like ${title(sound)}`),
      icon("close"),
    );
  }
}

const byCount = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);
