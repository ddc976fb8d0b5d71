// The sounds of a search, fetched page by page as they are looked at.

import { get, said } from "./api.js";
import { on, tell } from "./bus.js";
import { isKnown } from "./fresh.js";

const PAGE = 100;
const MOST_PAGES = 60; // that are kept
const AT_ONCE = 2; // pages that are asked for at the same time
const MOST_ALIKE = 300;
const BREATH_MS = 40;
const FRONT_MS = 300; // until what was put in front is looked up in its place
const MOST_IN_FRONT = 64;
const AGAIN_MS = 1500; // after an answer that did not come

export class Source {
  constructor() {
    this.query = { text: "", kind: "", tag: "", stars: 0, sort: "newest" };
    this.like = null;
    this.alike = [];
    this.known = false; // whether there was an answer yet
    this.trouble = ""; // why there is none
    this.count = 0;
    this.pages = new Map();
    this.front = []; // newer than what the last answer has: {sound, turn}
    this.coming = new Set(); // pages that were asked for
    this.lookedAt = [0];
    this.turn = 0;
    this.search = 0; // what was looked for last
    this.spent = 0; // by the last answer, milliseconds
    this.ended = 0;
    this.control = new AbortController();
    on("published", ({ sound }) => this.welcome([sound]));
    on("known", ({ before, sound }) => this.exchange(before, sound));
    on("changed", (sounds) => this.patch(sounds));
    on("library", (change) => this.follow(change));
    on("lost", async () => {
      this.front = []; // nobody tells any more what became of it
      await this.renew();
      tell("caught up"); // all else is asked for behind the sounds
    });
  }

  /** How many there are. */
  get total() {
    return this.like ? this.alike.length : this.count + this.front.length;
  }

  /** Whether something is looked for, so that not all sounds are listed. */
  get narrowed() {
    const { text, kind, tag, stars } = this.query;
    return Boolean(this.like || text || kind || tag || stars);
  }

  /** Change what is looked for; it is there when the promise is kept. */
  async narrow(change) {
    Object.assign(this.query, change);
    this.search += 1;
    this.like = null;
    this.front = [];
    tell("query", this.query);
    await this.renew(true);
  }

  /** Look for what is most like a sound. */
  async alikeTo(sound) {
    const search = (this.search += 1);
    const near = await said(get(`sounds/${sound.number}/similar`, { count: MOST_ALIKE }));
    if (!near || search !== this.search) return;
    this.like = sound;
    this.alike = [sound, ...near.map((one) => one.sound)];
    tell("query", this.query);
    tell("sounds", { fresh: true });
  }

  /** The sound at a place of the list; null if it is still to come. */
  at(index) {
    if (index < 0) return null;
    if (this.like) return this.alike[index] ?? null;
    if (index < this.front.length) return this.front[index].sound;
    const place = index - this.front.length;
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE] ?? null;
  }

  /** The place of a sound among those that are known; -1 if it is none of them. */
  placeOf(number) {
    if (this.like) return this.alike.findIndex((sound) => sound.number === number);
    const ahead = this.front.findIndex(({ sound }) => sound.number === number);
    if (ahead >= 0) return ahead;
    for (const [page, sounds] of this.pages) {
      const place = sounds.findIndex((sound) => sound.number === number);
      if (place >= 0) return this.front.length + page * PAGE + place;
    }
    return -1;
  }

  /** Say which places are seen: those are fetched, and kept up to date. */
  look(first, last) {
    const page = (index) => Math.max(0, Math.floor((index - this.front.length) / PAGE));
    this.lookedAt = [];
    for (let one = page(first); one <= page(last); one += 1) this.lookedAt.push(one);
    this.fetchSeen();
  }

  /** Ask for everything that is seen again; what is shown stays until the answer is there. */
  async renew(fresh = false) {
    if (this.like) return;
    const turn = (this.turn += 1);
    clearTimeout(this.later);
    this.later = 0;
    this.control.abort();
    this.control = new AbortController();
    this.coming.clear();
    if (fresh) this.lookedAt = [0];
    const wanted = [...new Set([0, ...this.lookedAt])];
    const began = performance.now();
    this.renewing = true;
    let found;
    try {
      found = await Promise.all(wanted.map((page) => this.ask(page)));
    } catch (problem) {
      if (turn === this.turn) this.fail(problem);
      return;
    } finally {
      if (turn === this.turn) {
        this.renewing = false;
        this.ended = performance.now();
        this.spent = this.ended - began;
      }
    }
    if (turn !== this.turn || this.like) return;
    this.pages = new Map(wanted.map((page, place) => [page, found[place].sounds]));
    this.count = found[0].total;
    const there = new Set(found[0].sounds.map((sound) => sound.path));
    // What was put in front since stays there, and what the library does not know yet.
    this.front = this.front.filter(
      ({ sound, turn: its }) => !there.has(sound.path) && (!isKnown(sound) || its === turn),
    );
    this.known = true;
    this.trouble = "";
    tell("sounds", { fresh });
    this.fetchSeen();
    if (this.stale) this.renewLater(0);
  }

  ask(page) {
    const query = { ...this.query, offset: page * PAGE, limit: PAGE };
    return get("sounds", query, { signal: this.control.signal, priority: "high" });
  }

  /** The pages that are seen and not there yet, and the one after them. */
  fetchSeen() {
    if (this.like || !this.known || this.trouble || this.renewing) return;
    const last = Math.ceil(this.count / PAGE) - 1;
    for (const page of [...this.lookedAt, this.lookedAt.at(-1) + 1]) {
      if (this.coming.size >= AT_ONCE) return;
      if (page <= last && !this.pages.has(page) && !this.coming.has(page)) this.fetch(page);
    }
  }

  async fetch(page) {
    const { turn } = this;
    this.coming.add(page);
    let found;
    try {
      found = await this.ask(page);
    } catch (problem) {
      if (turn === this.turn) this.fail(problem);
      return;
    }
    if (turn !== this.turn) return;
    this.coming.delete(page);
    this.pages.delete(page);
    this.pages.set(page, found.sounds);
    for (const old of this.pages.keys()) {
      if (this.pages.size <= MOST_PAGES) break;
      if (old && !this.lookedAt.includes(old)) this.pages.delete(old);
    }
    if (found.total !== this.count) this.renewLater(0);
    tell("sounds", { fresh: false });
    this.fetchSeen();
  }

  /** Say why, and try again in a while. */
  fail(problem) {
    if (problem.name === "AbortError") return;
    this.renewing = false;
    this.coming.clear();
    this.trouble = problem.message;
    tell("sounds", { fresh: false });
    this.renewLater(AGAIN_MS);
  }

  /** Put sounds that nobody has looked for in front, if that is their place. */
  welcome(sounds) {
    if (this.narrowed || this.query.sort !== "newest") return;
    const strange = sounds.filter((sound) => this.placeOf(sound.number) < 0);
    if (!strange.length) return;
    strange.sort((a, b) => a.changed - b.changed || a.number - b.number);
    for (const sound of strange) this.front.unshift({ sound, turn: this.turn });
    tell("sounds", { fresh: false });
  }

  /** A sound that was published is known now. */
  exchange(before, sound) {
    const place = this.front.findIndex((one) => one.sound.number === before.number);
    if (place < 0) return;
    this.front[place] = { sound, turn: this.turn };
    tell("sounds", { fresh: false });
    this.renewLater(FRONT_MS);
  }

  patch(sounds) {
    const fresh = new Map(sounds.map((sound) => [sound.number, sound]));
    let changed = false;
    const mend = (sound) => {
      const now = fresh.get(sound.number);
      changed ||= Boolean(now);
      return now ?? sound;
    };
    this.alike = this.alike.map(mend);
    for (const one of this.front) one.sound = mend(one.sound);
    for (const [page, list] of this.pages) this.pages.set(page, list.map(mend));
    if (changed) tell("sounds", { fresh: false });
  }

  follow({ now, gone }) {
    if (this.like) {
      if (!gone.length) return;
      this.alike = this.alike.filter((sound) => !gone.includes(sound.number));
      tell("sounds", { fresh: false });
      return;
    }
    const strange = now.filter((sound) => this.placeOf(sound.number) < 0);
    if (!strange.length && !gone.length) return;
    const newest = this.at(0)?.changed ?? 0;
    const few = strange.length + this.front.length <= MOST_IN_FRONT;
    const all = !this.narrowed && this.query.sort === "newest" && !gone.length;
    if (all && few && strange.every((sound) => sound.changed >= newest)) {
      this.welcome(strange);
      this.renewLater(FRONT_MS);
    } else this.renewLater(0);
  }

  /** Look again; of a flood of changes only now and then, the less often the longer it takes. */
  renewLater(wait) {
    if (this.like) return;
    if (this.renewing) {
      this.stale = true;
      return;
    }
    this.stale = false;
    if (this.later) return;
    const pause = this.ended + BREATH_MS + 3 * this.spent - performance.now();
    this.later = setTimeout(() => this.renew(), Math.max(wait, pause, 0));
  }
}
