// The map: every sound at its place, like ones near each other; to be heard, zoomed and walked.

import { get, said } from "./api.js";
import { prepare } from "./audio.js";
import { on } from "./bus.js";
import { byId, settled, toast } from "./dom.js";
import { title } from "./kinds.js";
import { followGestures } from "./map_gestures.js";
import { coloursOf, Points } from "./map_points.js";
import { playMorph } from "./morph_path.js";
import { Recent } from "./recent.js";
import { select, selected } from "./selection.js";

const REACH = 18; // pixels within which a pointer means a sound
const PATH_REACH = 60; // the same for a path that leads past it
const RENEW_MS = 800;
const PATIENCE = 10; // a map that takes long is asked for again so many times later
const NAME_MS = 70; // a pointer that passes by asks for no names
const NAME_HEIGHT = 17;
const NAME_WIDTH = 60;
const MOST_KEPT = 500;
const WHOLE = { x: 0, y: 0, scale: 1 };

export class SoundMap {
  constructor() {
    this.box = byId("map-view");
    this.canvas = byId("map");
    this.pen = this.canvas.getContext("2d");
    this.dots = new OffscreenCanvas(1, 1);
    this.view = { ...WHOLE };
    this.points = new Points([], []);
    this.colours = coloursOf([]);
    this.under = -1;
    this.drawn = []; // the path
    this.walking = false;
    this.spent = 0;
    this.loading = false;
    this.turn = 0; // of what was chosen
    this.nameSoon = settled(NAME_MS, (at) => this.name(at));
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    followGestures(this);
    on("library", () => this.age());
    on("lost", () => this.age());
    on("selected", () => this.draw());
    byId("walk").addEventListener("click", () => this.walk(!this.walking));
    byId("map-whole").addEventListener("click", () => {
      this.view = { ...WHOLE };
      this.draw();
    });
  }

  /** Show or leave the map. */
  show(shown) {
    this.shown = shown;
    if (shown && !this.fresh) this.load();
    if (shown) this.resize();
  }

  /** Ask for the map again in a while: sounds have come or gone. */
  age() {
    this.fresh = false;
    if (!this.shown || this.due) return;
    this.due = setTimeout(() => {
      this.due = 0;
      if (this.shown) this.load();
    }, Math.max(RENEW_MS, PATIENCE * this.spent));
  }

  /** Draw paths, or move the map. */
  walk(walking) {
    this.walking = walking;
    byId("walk").setAttribute("aria-pressed", walking);
    this.box.classList.toggle("walking", walking);
  }

  async load() {
    if (this.loading) return; // and asked for again if it is old when it comes
    const began = performance.now();
    this.fresh = this.loading = true;
    if (!this.points.count) byId("map-count").textContent = "looking…";
    const map = await said(get("map"));
    this.loading = false;
    this.spent = performance.now() - began;
    if (!map) {
      byId("map-count").textContent = "The map could not be made";
      this.age();
      return;
    }
    this.points = new Points(map.places, map.kinds);
    this.colours = coloursOf(map.kinds);
    this.under = -1;
    const { count } = this.points;
    byId("map-count").textContent = `${count.toLocaleString()} ${count === 1 ? "sound" : "sounds"}`;
    byId("map-nothing").hidden = count > 0;
    this.draw();
    if (!this.fresh) this.age();
  }

  resize() {
    const scale = devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = this.dots.width = Math.max(1, Math.round(this.width * scale));
    this.canvas.height = this.dots.height = Math.max(1, Math.round(this.height * scale));
    this.draw();
  }

  toScreen({ x, y }) {
    const { view } = this;
    return [(x - view.x) * this.width * view.scale, (y - view.y) * this.height * view.scale];
  }

  toMap(px, py) {
    const { x, y, scale } = this.view;
    return { x: px / this.width / scale + x, y: py / this.height / scale + y };
  }

  placeOf(point) {
    return { x: this.points.xs[point], y: this.points.ys[point] };
  }

  /** Draw everything, soon. */
  draw() {
    this.stale = true;
    this.drawOver();
  }

  /** Draw what is above the dots, soon. */
  drawOver() {
    if (!this.shown || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    const ratio = devicePixelRatio || 1;
    const { pen } = this;
    if (this.stale) this.paintDots(ratio);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.dots, 0, 0);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.paintNames();
    this.paintPath();
    this.ring(this.under, "#ffffff", 9);
    if (selected) this.ring(this.points.placeOf(selected.number), "#ffffff", 12);
  }

  paintDots(ratio) {
    this.stale = false;
    const crowd = Math.log10(Math.max(100, this.points.count));
    const size = Math.min(14, Math.max(1.8, 13 - 2.4 * crowd) * Math.sqrt(this.view.scale));
    const image = new ImageData(this.dots.width, this.dots.height);
    this.points.draw(image, this.view, size * ratio, this.colours);
    this.dots.getContext("2d").putImageData(image, 0, 0);
  }

  /** The kinds' names, each where most of its sounds are, and below one that is there already. */
  paintNames() {
    const { pen } = this;
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.strokeStyle = "rgb(12 13 16 / 85%)";
    const taken = [];
    for (const { name, tone, ...place } of this.points.names) {
      let [px, py] = this.toScreen(place);
      while (taken.some(([x, y]) => Math.abs(x - px) < NAME_WIDTH && Math.abs(y - py) < NAME_HEIGHT)) {
        py += NAME_HEIGHT;
      }
      taken.push([px, py]);
      pen.strokeText(name, px, py);
      pen.fillStyle = tone;
      pen.fillText(name, px, py);
    }
  }

  ring(point, colour, radius) {
    if (point < 0) return;
    const [px, py] = this.toScreen(this.placeOf(point));
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

  /** The point that a place on the screen means; -1 if none is near. */
  nearest(px, py, reach = REACH) {
    const { scale } = this.view;
    const far = [reach / this.width / scale, reach / this.height / scale];
    const measure = (x, y) => {
      const [qx, qy] = this.toScreen({ x, y });
      return Math.hypot(qx - px, qy - py);
    };
    const point = this.points.nearest(this.toMap(px, py), far, measure);
    if (point < 0) return -1;
    const { x, y } = this.placeOf(point);
    return measure(x, y) < reach ? point : -1;
  }

  zoom([px, py], factor) {
    const at = this.toMap(px, py);
    const { view } = this;
    view.scale = Math.max(0.8, Math.min(200, view.scale * factor));
    view.x = at.x - px / this.width / view.scale;
    view.y = at.y - py / this.height / view.scale;
    this.draw();
  }

  /** To the nearest sound in a direction. */
  step(dx, dy) {
    const from = selected ? this.points.placeOf(selected.number) : -1;
    const point = this.points.towards(from, dx, dy);
    if (point >= 0) this.choose(point);
  }

  hover(at) {
    const point = this.nearest(...at);
    if (point === this.under) return;
    this.under = point;
    this.canvas.style.cursor = point < 0 ? "" : "pointer";
    this.drawOver();
    byId("map-tip").hidden = true;
    if (point >= 0) this.nameSoon(at);
  }

  /** The pointer is elsewhere. */
  leave() {
    this.under = -1;
    byId("map-tip").hidden = true;
    this.drawOver();
  }

  /** Say what is under the pointer; what cannot be asked for is said when it is chosen. */
  async name(at) {
    const { points, under } = this;
    const sound = under < 0 ? null : await soundOf(points.numbers[under]).catch(() => null);
    if (!sound || this.under !== under || this.points !== points) return;
    prepare([sound]);
    const tip = byId("map-tip");
    tip.hidden = false;
    tip.textContent = title(sound);
    const left = Math.min(at[0] + 14, this.width - tip.offsetWidth - 8);
    tip.style.transform = `translate(${left}px, ${at[1] + 10}px)`;
  }

  click(at) {
    const point = this.nearest(...at);
    if (point >= 0) this.choose(point);
  }

  async choose(point) {
    const turn = (this.turn += 1);
    const sound = await said(soundOf(this.points.numbers[point]));
    if (sound && turn === this.turn) select(sound);
  }

  async walked() {
    const numbers = this.alongPath();
    if (numbers.length < 2) {
      toast("Draw from one sound to another");
      return;
    }
    const sounds = await said(Promise.all(numbers.map(soundOf)));
    if (sounds) playMorph(sounds);
  }

  /** Numbers of the different sounds that a path leads past: its two ends and up to two between. */
  alongPath() {
    const found = [];
    const stops = 3;
    for (let stop = 0; stop <= stops; stop += 1) {
      const place = Math.round((stop / stops) * (this.drawn.length - 1));
      const point = this.nearest(...this.toScreen(this.drawn[place]), PATH_REACH);
      const number = this.points.numbers[point];
      if (point >= 0 && found.at(-1) !== number) found.push(number);
    }
    return found;
  }
}

const asked = new Recent(MOST_KEPT); // number to sound

async function soundOf(number) {
  if (!asked.has(number)) asked.set(number, await get(`sounds/${number}`));
  return asked.get(number);
}

on("lost", () => asked.clear());
on("changed", (sounds) => {
  for (const sound of sounds) if (asked.has(sound.number)) asked.set(sound.number, sound);
});
