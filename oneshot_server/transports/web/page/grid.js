// The grid: as many cells as are seen, whatever the number of sounds.

import { prepare } from "./audio.js";
import { on } from "./bus.js";
import { dragOut, fillCell, makeCell, stopSweep, sweep } from "./cell.js";
import { byId, h, settled } from "./dom.js";
import { picture } from "./pictures.js";
import { listenTo, select, selected } from "./selection.js";

const LEAST_WIDTH = 148;
const HEIGHT = 126;
const GAP = 10;
const AHEAD_ROWS = 2; // that are filled beyond both edges
const DWELL_MS = 45; // a pointer that only passes by plays nothing
const NEAR = 10; // neighbours that are decoded first
const SETTLE_MS = 120;

export class Grid {
  constructor(source) {
    this.source = source;
    this.cells = [];
    this.columns = 1;
    this.place = -1; // of the selected sound
    this.awaited = -1; // a place whose sound is to be played when it is there
    this.hovering = true;
    this.drawnAt = 0;
    this.box = byId("grid");
    this.canvas = h("div", { class: "canvas", role: "presentation" });
    this.box.append(this.canvas);
    this.prepareSoon = settled(SETTLE_MS, () => this.prepareSeen());
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.layOut()).observe(this.box);
    this.listenToPointer();
    on("sounds", ({ fresh }) => this.renew(fresh));
    on("selected", () => this.follow());
    on("playing", ({ sound, seconds }) => this.sweep(sound, seconds));
  }

  listenToPointer() {
    let dwell = 0;
    const cellOf = (event) => this.cells.find((one) => one.element === event.target.closest(".cell"));
    this.canvas.addEventListener("pointerdown", (event) => {
      const cell = cellOf(event);
      if (!cell?.sound || event.button !== 0 || event.pointerType === "touch") return;
      this.choose(cell.index);
    });
    this.canvas.addEventListener("click", (event) => {
      // A finger that scrolls sends no click.
      const cell = cellOf(event);
      if (cell?.sound && event.pointerType === "touch") this.choose(cell.index);
    });
    this.canvas.addEventListener("pointerover", (event) => {
      const cell = cellOf(event);
      if (cell === this.under) return; // only from one of its parts to another
      clearTimeout(dwell);
      this.under = cell;
      if (!cell?.sound || event.pointerType !== "mouse") return;
      if (!this.hovering || event.buttons || !navigator.userActivation?.hasBeenActive) return;
      const { sound } = cell;
      prepare([sound]);
      dwell = setTimeout(() => listenTo(sound), DWELL_MS);
    });
    this.canvas.addEventListener("pointerleave", () => {
      clearTimeout(dwell);
      this.under = undefined;
    });
    this.canvas.addEventListener("dragstart", (event) => {
      const cell = cellOf(event);
      if (cell?.sound) dragOut(event, cell.sound);
    });
  }

  /** Select the sound at a place and play it; one that is still to come, when it is there. */
  choose(index) {
    const sound = this.source.at(index);
    this.awaited = sound ? -1 : index;
    if (!sound) {
      this.reveal(index);
      return;
    }
    this.place = index;
    select(sound);
    this.reveal(index);
    this.prepareAround(index);
  }

  /** Go where a key leads. */
  key(event) {
    const rows = Math.max(1, Math.floor(this.box.clientHeight / this.rowHeight));
    const steps = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
      PageUp: -rows * this.columns,
      PageDown: rows * this.columns,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in steps) || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.source.total) return;
    const last = this.source.total - 1;
    const here = this.awaited >= 0 ? this.awaited : this.place;
    const from = here < 0 ? (steps[event.key] > 0 ? -1 : 0) : here;
    let to = from + steps[event.key];
    if (Math.abs(steps[event.key]) === this.columns && (to < 0 || to > last)) to = from;
    this.choose(Math.max(0, Math.min(last, to)));
  }

  layOut() {
    const width = this.box.clientWidth - 2 * GAP;
    this.height = this.box.clientHeight;
    if (width <= 0) return;
    this.columns = Math.max(2, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
    this.width = (width - GAP * (this.columns - 1)) / this.columns;
    this.rowHeight = HEIGHT + GAP;
    this.box.style.setProperty("--cell-width", `${this.width}px`);
    this.box.style.setProperty("--cell-height", `${HEIGHT}px`);
    this.draw();
  }

  renew(fresh) {
    if (fresh) {
      this.box.scrollTop = 0;
      this.place = -1;
      this.awaited = -1;
    }
    const place = selected ? this.source.placeOf(selected.number) : -1;
    if (place >= 0) this.place = place;
    if (this.awaited >= 0 && this.source.at(this.awaited)) {
      this.choose(this.awaited);
      return;
    }
    this.drawSoon();
  }

  /** Draw at once, but only once in a frame: changes come in floods. */
  drawSoon() {
    if (this.soon) return;
    if (performance.now() - this.drawnAt > 16) {
      this.draw();
      return;
    }
    this.soon = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.soon);
    this.soon = 0;
    if (!this.width) return;
    this.drawnAt = performance.now();
    const { total } = this.source;
    const rows = Math.ceil(total / this.columns);
    const tall = `${rows * this.rowHeight + GAP}px`;
    if (this.canvas.style.height !== tall) this.canvas.style.height = tall;
    const top = Math.max(0, Math.floor(this.box.scrollTop / this.rowHeight) - AHEAD_ROWS);
    const seen = Math.ceil(this.height / this.rowHeight) + 2 * AHEAD_ROWS;
    const first = top * this.columns;
    const last = Math.min(total, (top + seen + 1) * this.columns);
    this.source.look(first, Math.max(first, last - 1));
    this.ensure(seen + 1);
    const { taken, free } = this.share(first, last);
    taken.forEach((cell, place) => this.drawCell(cell, first + place, total));
    for (const cell of free) this.setThere(cell, false);
    this.prepareSoon();
  }

  /** A cell for each place: the one that shows its sound already, else one to be filled. */
  share(first, last) {
    const shown = new Map(this.cells.map((cell) => [cell.sound?.path, cell]));
    const free = new Set(this.cells);
    const taken = [];
    for (let index = first; index < last; index += 1) {
      const sound = this.source.at(index);
      const cell = sound && shown.get(sound.path);
      taken.push(free.delete(cell) ? cell : null);
    }
    const rest = free.values();
    return { taken: taken.map((cell) => cell ?? rest.next().value), free: rest };
  }

  setThere(cell, there) {
    if (cell.there === there) return;
    cell.there = there;
    cell.element.hidden = !there;
    if (there) return;
    cell.index = -1;
    cell.element.removeAttribute("id"); // another one has it
  }

  drawCell(cell, index, total) {
    const { element } = cell;
    this.setThere(cell, true);
    const x = GAP + (index % this.columns) * (this.width + GAP);
    const y = GAP + Math.floor(index / this.columns) * this.rowHeight;
    const at = `translate(${x}px, ${y}px)`;
    if (cell.at !== at) {
      cell.at = at;
      element.style.transform = at;
    }
    const before = cell.sound?.path;
    fillCell(cell, this.source.at(index), index, total);
    if (before !== cell.sound?.path) stopSweep(cell.parts.sweep);
    const chosen = Boolean(cell.sound) && cell.sound.number === selected?.number;
    if (cell.chosen !== chosen) {
      cell.chosen = chosen;
      element.setAttribute("aria-selected", chosen);
    }
    if (chosen) this.box.setAttribute("aria-activedescendant", element.id);
  }

  ensure(rows) {
    const count = rows * this.columns;
    while (this.cells.length < count) {
      const cell = makeCell();
      this.cells.push(cell);
      this.canvas.append(cell.element);
    }
    while (this.cells.length > count) {
      const { element, parts } = this.cells.pop();
      element.remove();
      picture(parts.wave, null); // which nobody waits for any more
    }
  }

  follow() {
    if (selected && this.source.at(this.place)?.number !== selected.number) {
      this.place = this.source.placeOf(selected.number);
    }
    this.draw();
  }

  reveal(index) {
    const y = Math.floor(index / this.columns) * this.rowHeight;
    const { scrollTop } = this.box;
    if (y < scrollTop) this.box.scrollTop = y;
    else if (y + this.rowHeight + GAP > scrollTop + this.height) {
      this.box.scrollTop = y + this.rowHeight + GAP - this.height;
    }
  }

  sweep(sound, seconds) {
    for (const cell of this.cells) {
      if (sound && cell.sound?.number === sound.number) sweep(cell.parts.sweep, seconds);
      else stopSweep(cell.parts.sweep);
    }
  }

  /** The neighbours of a place, the nearest first: those that an arrow key leads to. */
  prepareAround(index) {
    const steps = [1, -1, this.columns, -this.columns];
    for (let far = 2; far <= NEAR; far += 1) steps.push(far, -far);
    steps.push(2 * this.columns, -2 * this.columns);
    this.prepareAt(steps.map((step) => index + step));
  }

  prepareSeen() {
    const seen = this.cells.filter((cell) => cell.there).map((cell) => cell.index);
    const near = this.place < 0 ? seen[0] ?? 0 : this.place;
    this.prepareAt(seen.sort((a, b) => Math.abs(a - near) - Math.abs(b - near)));
  }

  prepareAt(places) {
    const inside = places.filter((place) => place >= 0 && place < this.source.total);
    prepare(inside.map((place) => this.source.at(place)).filter(Boolean));
  }
}
