// The grid: as many cells as are seen, whatever the number of sounds.

import { prepare } from "./audio.js";
import { on } from "./bus.js";
import { dragOut, fillCell, makeCell } from "./cell.js";
import { byId, h, settled } from "./dom.js";
import { listenTo, select, selected } from "./selection.js";

const LEAST_WIDTH = 148;
const HEIGHT = 122;
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
    this.hovering = true;
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
      clearTimeout(dwell);
      if (!cell?.sound || event.pointerType !== "mouse" || cell === this.under) return;
      this.under = cell;
      if (!this.hovering || event.buttons || !navigator.userActivation?.hasBeenActive) return;
      const { sound } = cell;
      prepare([sound]);
      dwell = setTimeout(() => listenTo(sound), DWELL_MS);
    });
    this.canvas.addEventListener("pointerleave", () => {
      clearTimeout(dwell);
      this.under = null;
    });
    this.canvas.addEventListener("dragstart", (event) => {
      const cell = cellOf(event);
      if (cell?.sound) dragOut(event, cell.sound);
    });
  }

  /** Select the sound at a place and play it. */
  choose(index) {
    const sound = this.source.at(index);
    if (!sound) return;
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
    const from = this.place < 0 ? (steps[event.key] > 0 ? -1 : 0) : this.place;
    let to = from + steps[event.key];
    if (Math.abs(steps[event.key]) === this.columns && (to < 0 || to > last)) to = from;
    this.choose(Math.max(0, Math.min(last, to)));
  }

  layOut() {
    const width = this.box.clientWidth - 2 * GAP;
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
    }
    const place = selected ? this.source.placeOf(selected.number) : -1;
    if (place >= 0) this.place = place;
    this.box.classList.toggle("empty", this.source.known && this.source.total === 0);
    this.draw();
  }

  draw() {
    if (!this.width) return;
    const { total } = this.source;
    const rows = Math.ceil(total / this.columns);
    this.canvas.style.height = `${rows * this.rowHeight + GAP}px`;
    const top = Math.max(0, Math.floor(this.box.scrollTop / this.rowHeight) - AHEAD_ROWS);
    const seen = Math.ceil(this.box.clientHeight / this.rowHeight) + 2 * AHEAD_ROWS;
    const first = top * this.columns;
    const last = Math.min(total, (top + seen + 1) * this.columns);
    this.source.look(first, Math.max(first, last - 1));
    this.ensure(seen + 1);
    // Each place has a cell of its own by its remainder, so that scrolling refills few of them.
    for (let index = first; index < first + this.cells.length; index += 1) {
      const cell = this.cells[index % this.cells.length];
      cell.element.hidden = index >= last;
      if (index >= last) continue;
      const x = GAP + (index % this.columns) * (this.width + GAP);
      const y = GAP + Math.floor(index / this.columns) * this.rowHeight;
      cell.element.style.transform = `translate(${x}px, ${y}px)`;
      const before = cell.sound;
      fillCell(cell, this.source.at(index), index, total);
      if (before !== cell.sound) cell.element.classList.remove("playing");
      const isSelected = cell.sound !== null && cell.sound.number === selected?.number;
      cell.element.setAttribute("aria-selected", isSelected);
      if (isSelected) this.box.setAttribute("aria-activedescendant", cell.element.id);
    }
    this.prepareSoon();
  }

  ensure(rows) {
    const count = rows * this.columns;
    while (this.cells.length < count) {
      const cell = makeCell();
      this.cells.push(cell);
      this.canvas.append(cell.element);
    }
    while (this.cells.length > count) this.cells.pop().element.remove();
  }

  follow() {
    if (selected && this.source.at(this.place)?.number !== selected.number) {
      this.place = this.source.placeOf(selected.number);
    }
    this.draw();
  }

  reveal(index) {
    const y = Math.floor(index / this.columns) * this.rowHeight;
    const { scrollTop, clientHeight } = this.box;
    if (y < scrollTop) this.box.scrollTop = y;
    else if (y + this.rowHeight + GAP > scrollTop + clientHeight) {
      this.box.scrollTop = y + this.rowHeight + GAP - clientHeight;
    }
  }

  sweep(sound, seconds) {
    for (const cell of this.cells) {
      const plays = sound && cell.sound?.number === sound.number;
      cell.element.classList.remove("playing");
      if (!plays) continue;
      cell.element.style.setProperty("--seconds", `${seconds}s`);
      cell.element.offsetWidth; // the animation begins anew
      cell.element.classList.add("playing");
    }
  }

  /** The neighbours of a place, the nearest first: those that an arrow key leads to. */
  prepareAround(index) {
    const steps = [1, -1, this.columns, -this.columns];
    for (let far = 2; far <= NEAR; far += 1) steps.push(far, -far);
    steps.push(2 * this.columns, -2 * this.columns);
    const places = steps.map((step) => index + step);
    prepare(this.known(places));
  }

  prepareSeen() {
    const seen = this.cells.filter((cell) => !cell.element.hidden).map((cell) => cell.index);
    const near = this.place < 0 ? seen[0] ?? 0 : this.place;
    prepare(this.known(seen.sort((a, b) => Math.abs(a - near) - Math.abs(b - near))));
  }

  known(places) {
    return places
      .filter((place) => place >= 0 && place < this.source.total)
      .map((place) => this.source.at(place))
      .filter(Boolean);
  }
}
