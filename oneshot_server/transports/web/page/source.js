// The sounds of a search, fetched page by page as they are looked at.

import { get } from "./api.js";
import { on, tell } from "./bus.js";

const PAGE = 100;
const MOST_ALIKE = 300;
const BREATH_MS = 40;

export class Source {
  constructor() {
    this.query = { text: "", kind: "", tag: "", stars: 0, sort: "newest" };
    this.like = null;
    this.total = 0;
    this.known = false; // whether the total is
    this.pages = new Map();
    this.asked = new Set();
    this.turn = 0;
    this.alike = [];
    on("sound", (sound) => this.patch(sound));
    on("library", (change) => this.follow(change));
    on("lost", () => this.renew());
  }

  /** Change what is looked for. */
  narrow(change) {
    Object.assign(this.query, change);
    this.like = null;
    this.renew(true);
    tell("query", this.query);
  }

  /** Look for what is most like a sound. */
  async alikeTo(sound) {
    const near = await get(`sounds/${sound.number}/similar`, { count: MOST_ALIKE });
    this.like = sound;
    this.alike = [sound, ...near.map((one) => one.sound)];
    this.total = this.alike.length;
    tell("query", this.query);
    tell("sounds", { fresh: true });
  }

  /** The sound at a place of the list; null if it is still to come. */
  at(index) {
    if (index < 0) return null;
    if (this.like) return this.alike[index] ?? null;
    const page = Math.floor(index / PAGE);
    if (!this.pages.has(page)) this.fetch(page);
    return this.pages.get(page)?.[index % PAGE] ?? null;
  }

  /** The place of a sound among those that are known; -1 if it is none of them. */
  placeOf(number) {
    if (this.like) return this.alike.findIndex((sound) => sound.number === number);
    for (const [page, sounds] of this.pages) {
      const place = sounds.findIndex((sound) => sound.number === number);
      if (place >= 0) return page * PAGE + place;
    }
    return -1;
  }

  /** Ask for everything again; what is shown stays until the answer is there. */
  renew(fresh = false) {
    if (this.like) return;
    this.turn += 1;
    this.asked.clear();
    const shown = fresh ? [0] : [...new Set([0, ...(this.lookedAt ?? [])])];
    this.renewing = shown.map((page) => this.fetch(page, fresh));
  }

  /** Say which places are seen, so that those are kept up to date first. */
  look(first, last) {
    this.lookedAt = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) {
      this.lookedAt.push(page);
    }
  }

  async fetch(page, fresh = false) {
    if (this.asked.has(page)) return;
    this.asked.add(page);
    const turn = this.turn;
    let found;
    try {
      found = await get("sounds", { ...this.query, offset: page * PAGE, limit: PAGE });
    } catch {
      this.asked.delete(page);
      return;
    }
    if (turn !== this.turn) return;
    if (this.shownTurn !== turn) {
      // The first answer to a new question: what was known answers an old one.
      for (const old of [...this.pages.keys()]) {
        if (!this.asked.has(old)) this.pages.delete(old);
      }
      this.shownTurn = turn;
    }
    this.total = found.total;
    this.known = true;
    this.pages.set(page, found.sounds);
    tell("sounds", { fresh });
  }

  patch(sound) {
    const lists = this.like ? [this.alike] : this.pages.values();
    for (const list of lists) {
      const place = list.findIndex((one) => one.number === sound.number);
      if (place >= 0) list[place] = sound;
    }
    tell("sounds", { fresh: false });
  }

  follow({ now, gone }) {
    const strange = now.some((sound) => this.placeOf(sound.number) < 0);
    if (!strange && !gone.length) return;
    // The first change at once; of a flood, one look after the other.
    const wait = Math.max(0, (this.renewed ?? 0) + BREATH_MS - performance.now());
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.renewed = performance.now();
      this.renew();
    }, wait);
  }
}
