// The map: every sound at its place, like ones near each other; to be heard, zoomed and walked.

import { get } from "./api.js";
import { prepare } from "./audio.js";
import { on } from "./bus.js";
import { byId, settled, toast } from "./dom.js";
import { kindName, title, tone } from "./kinds.js";
import { followGestures } from "./map_gestures.js";
import { playMorph } from "./morph_path.js";
import { select, selected } from "./selection.js";

const CELL = 1 / 64; // of the look-up by place, as a share of the map
const REACH = 18; // pixels within which a pointer means a sound
const RENEW_MS = 800;
const CHUNK = 500;
const NAMED_SHARE = 0.02; // kinds that are less than this of all sounds have no name on the map

export class SoundMap {
  constructor() {
    this.box = byId("map-view");
    this.canvas = byId("map");
    this.pen = this.canvas.getContext("2d");
    this.view = { x: 0, y: 0, scale: 1 };
    this.points = [];
    this.drawn = [];
    this.walking = false;
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    followGestures(this);
    const stale = settled(RENEW_MS, () => {
      this.fresh = false;
      if (this.shown) this.load();
    });
    on("library", stale);
    on("lost", stale);
    on("selected", () => this.draw());
    byId("walk").addEventListener("click", () => this.walk(!this.walking));
    byId("map-whole").addEventListener("click", () => {
      this.view = { x: 0, y: 0, scale: 1 };
      this.draw();
    });
  }

  /** Show or leave the map. */
  show(shown) {
    this.shown = shown;
    if (shown && !this.fresh) this.load();
    if (shown) this.resize();
  }

  /** Draw paths, or move the map. */
  walk(walking) {
    this.walking = walking;
    byId("walk").setAttribute("aria-pressed", walking);
    this.box.classList.toggle("walking", walking);
  }

  async load() {
    this.fresh = true;
    const { places, kinds } = await get("map").catch(() => ({ places: [], kinds: [] }));
    // number, x, y, kind: in rows, as there may be a hundred thousand of them
    this.points = places.map(([number, x, y, kind]) => ({
      number, x: x / 2 + 0.5, y: 0.5 - y / 2, tone: tone(kinds[kind]), kind: kinds[kind],
    }));
    this.fit();
    byId("map-count").textContent = `${this.points.length.toLocaleString()} sounds`;
    this.draw();
  }

  /** Spread the points over the whole square, whatever the axes' ranges are. */
  fit() {
    if (!this.points.length) return;
    for (const axis of ["x", "y"]) {
      const sorted = this.points.map((p) => p[axis]).sort((a, b) => a - b);
      const low = sorted[Math.floor(sorted.length * 0.005)];
      const high = sorted[Math.ceil(sorted.length * 0.995) - 1];
      const span = high - low || 1;
      for (const point of this.points) {
        point[axis] = 0.04 + 0.92 * Math.min(1.03, Math.max(-0.03, (point[axis] - low) / span));
      }
    }
    this.index = new Map();
    for (const point of this.points) {
      const key = cellKey(point.x, point.y);
      if (!this.index.has(key)) this.index.set(key, []);
      this.index.get(key).push(point);
    }
    this.names = [...Map.groupBy(this.points, (point) => point.kind)]
      .filter(([kind, points]) => kind && points.length >= this.points.length * NAMED_SHARE)
      .map(([kind, points]) => ({
        name: kindName(kind),
        tone: tone(kind),
        x: middle(points.map((point) => point.x)),
        y: middle(points.map((point) => point.y)),
      }));
    this.byTone = Map.groupBy(this.points, (point) => point.tone);
  }

  resize() {
    const scale = devicePixelRatio || 1;
    this.canvas.width = this.canvas.clientWidth * scale;
    this.canvas.height = this.canvas.clientHeight * scale;
    this.draw();
  }

  toScreen(point) {
    const { clientWidth, clientHeight } = this.canvas;
    const { x, y, scale } = this.view;
    return [(point.x - x) * clientWidth * scale, (point.y - y) * clientHeight * scale];
  }

  toMap(px, py) {
    const { clientWidth, clientHeight } = this.canvas;
    const { x, y, scale } = this.view;
    return { x: px / clientWidth / scale + x, y: py / clientHeight / scale + y };
  }

  draw() {
    if (!this.shown) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const ratio = devicePixelRatio || 1;
    const { pen, canvas } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const crowd = Math.log10(Math.max(100, this.points.length));
    const size = Math.min(14, Math.max(1.8, 13 - 2.4 * crowd) * Math.sqrt(this.view.scale));
    pen.globalAlpha = 0.85;
    for (const [colour, points] of this.byTone ?? []) {
      pen.fillStyle = colour;
      pen.beginPath();
      for (const point of points) {
        const [px, py] = this.toScreen(point);
        if (px < -9 || py < -9 || px > canvas.clientWidth + 9 || py > canvas.clientHeight + 9) continue;
        if (size < 4) pen.rect(px - size / 2, py - size / 2, size, size);
        else {
          pen.moveTo(px + size / 2, py);
          pen.arc(px, py, size / 2, 0, 7);
        }
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
    this.paintNames();
    this.paintPath();
    this.ring(this.under, "#ffffff", 9);
    const here = selected && this.points.find((point) => point.number === selected.number);
    this.ring(here, "#ffffff", 12);
  }

  /** The kinds' names, each where most of its sounds are. */
  paintNames() {
    this.pen.font = "600 12px system-ui, sans-serif";
    this.pen.textAlign = "center";
    this.pen.lineWidth = 4;
    this.pen.strokeStyle = "#0c0d10";
    for (const { name, tone: colour, x, y } of this.names ?? []) {
      const [px, py] = this.toScreen({ x, y });
      this.pen.strokeText(name, px, py);
      this.pen.fillStyle = colour;
      this.pen.fillText(name, px, py);
    }
  }

  ring(point, colour, radius) {
    if (!point) return;
    const [px, py] = this.toScreen(point);
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = 1.5;
    this.pen.beginPath();
    this.pen.arc(px, py, radius, 0, 7);
    this.pen.stroke();
  }

  paintPath() {
    if (this.drawn.length < 2) return;
    this.pen.strokeStyle = "#ffb454";
    this.pen.lineWidth = 2;
    this.pen.lineJoin = "round";
    this.pen.beginPath();
    this.drawn.forEach((point, place) => {
      const [px, py] = this.toScreen(point);
      if (place) this.pen.lineTo(px, py);
      else this.pen.moveTo(px, py);
    });
    this.pen.stroke();
  }

  /** The sound that a place on the screen means; null if none is near. */
  nearest(px, py, reach = REACH) {
    const { x, y } = this.toMap(px, py);
    const { clientWidth, clientHeight } = this.canvas;
    const far = reach / Math.min(clientWidth, clientHeight) / this.view.scale;
    const steps = Math.ceil(far / CELL);
    let best = null;
    let least = reach;
    for (let i = -steps; i <= steps; i += 1) {
      for (let j = -steps; j <= steps; j += 1) {
        for (const point of this.index?.get(cellKey(x + i * CELL, y + j * CELL)) ?? []) {
          const [qx, qy] = this.toScreen(point);
          const distance = Math.hypot(qx - px, qy - py);
          if (distance < least) [best, least] = [point, distance];
        }
      }
    }
    return best;
  }

  zoom([px, py], factor) {
    const at = this.toMap(px, py);
    const { view, canvas } = this;
    view.scale = Math.max(0.8, Math.min(200, view.scale * factor));
    view.x = at.x - px / canvas.clientWidth / view.scale;
    view.y = at.y - py / canvas.clientHeight / view.scale;
    this.draw();
  }

  /** To the nearest sound in a direction. */
  step(dx, dy) {
    const from = selected && this.points.find((point) => point.number === selected.number);
    const at = from ?? { x: 0.5, y: 0.5, number: -1 };
    let best = null;
    let least = Infinity;
    for (const point of this.points) {
      const [ax, ay] = [point.x - at.x, point.y - at.y];
      const along = ax * dx + ay * dy;
      const across = Math.abs(ax * dy) + Math.abs(ay * dx);
      if (point.number === at.number || along <= 1e-9 || across > 2 * along) continue;
      const distance = along + 2 * across;
      if (distance < least) [best, least] = [point, distance];
    }
    if (best) this.choose(best);
  }

  async hover(at) {
    const point = this.nearest(...at);
    if (point === this.under) return;
    this.under = point;
    this.canvas.style.cursor = point ? "pointer" : "";
    this.draw();
    const tip = byId("map-tip");
    tip.hidden = !point;
    if (!point) return;
    const sound = await soundOf(point).catch(() => null);
    if (!sound || this.under !== point) return;
    prepare([sound]);
    tip.textContent = title(sound);
    tip.style.transform = `translate(${at[0] + 14}px, ${at[1] + 10}px)`;
  }

  click(at) {
    const point = this.nearest(...at);
    if (point) this.choose(point);
  }

  async choose(point) {
    select(await soundOf(point));
  }

  async walked() {
    const anchors = this.alongPath();
    if (anchors.length < 2) {
      toast("Draw from one sound to another");
      return;
    }
    const sounds = await Promise.all(anchors.map(soundOf));
    playMorph(sounds);
  }

  /** The different sounds that a path leads past: its two ends and up to two between. */
  alongPath() {
    const found = [];
    const stops = 3;
    for (let stop = 0; stop <= stops; stop += 1) {
      const place = Math.round((stop / stops) * (this.drawn.length - 1));
      const point = this.nearest(...this.toScreen(this.drawn[place]), 60);
      if (point && found.at(-1) !== point) found.push(point);
    }
    return found;
  }
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const known = new Map();

async function soundOf({ number }) {
  if (!known.has(number)) {
    if (known.size > CHUNK) known.clear();
    known.set(number, await get(`sounds/${number}`));
  }
  return known.get(number);
}

on("sound", (sound) => known.has(sound.number) && known.set(sound.number, sound));

const cellKey = (x, y) => Math.floor(x / CELL) * 4096 + Math.floor(y / CELL);

