// The map's points in flat arrays: a hundred thousand are drawn and searched within a frame.

import { kindName, tone } from "./kinds.js";

const CELLS = 64; // of the look-up by place, along each axis
const NAMED_SHARE = 0.02; // kinds that are less than this of all sounds have no name on the map
const MARGIN = 0.04;
const OUTSIDE = 0.03; // beyond the margin, for those that are unlike all others
const QUANTILE = 0.005;
const CROWD_OPACITY = [0.9, 0.55]; // of a point among few and among many
const MANY = 20_000;

export class Points {
  /** From rows of number, x and y of -1 to 1, and which of the kinds. */
  constructor(rows, kinds) {
    this.count = rows.length;
    this.kinds = kinds;
    this.numbers = Float64Array.from(rows, (row) => row[0]);
    this.xs = spread(Float32Array.from(rows, (row) => row[1]));
    this.ys = spread(Float32Array.from(rows, (row) => -row[2]));
    this.kind = Uint16Array.from(rows, (row) => row[3]);
    this.places = new Map();
    this.numbers.forEach((number, place) => this.places.set(number, place));
    this.sortIntoCells();
    this.names = this.nameKinds();
  }

  /** The place of a sound among the points; -1 for none. */
  placeOf(number) {
    return this.places.get(number) ?? -1;
  }

  /** Points by the cell that they are in: those of cell c are order[starts[c]] to order[starts[c + 1]]. */
  sortIntoCells() {
    const cells = new Uint16Array(this.count);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < this.count; i += 1) {
      cells[i] = cellOf(this.xs[i]) * CELLS + cellOf(this.ys[i]);
      this.starts[cells[i] + 1] += 1;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.order = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i += 1) this.order[next[cells[i]]++] = i;
  }

  /** The point that is nearest to a place of the map, by a measure of its x and y; -1 for none. */
  nearest({ x, y }, [farX, farY], distance) {
    let best = -1;
    let least = Infinity;
    for (let column = cellOf(x - farX); column <= cellOf(x + farX); column += 1) {
      for (let row = cellOf(y - farY); row <= cellOf(y + farY); row += 1) {
        const cell = column * CELLS + row;
        for (let place = this.starts[cell]; place < this.starts[cell + 1]; place += 1) {
          const i = this.order[place];
          const far = distance(this.xs[i], this.ys[i]);
          if (far < least) [best, least] = [i, far];
        }
      }
    }
    return best;
  }

  /** The nearest point in a direction. */
  towards(from, dx, dy) {
    const [x, y] = from < 0 ? [0.5, 0.5] : [this.xs[from], this.ys[from]];
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.count; i += 1) {
      const [ax, ay] = [this.xs[i] - x, this.ys[i] - y];
      const along = ax * dx + ay * dy;
      const across = Math.abs(ax * dy) + Math.abs(ay * dx);
      if (i === from || along <= 1e-9 || across > 2 * along) continue;
      const distance = along + 2 * across;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  /** Where most sounds of each kind are. */
  nameKinds() {
    const members = this.kinds.map(() => []);
    for (let i = 0; i < this.count; i += 1) members[this.kind[i]].push(i);
    return this.kinds
      .map((kind, number) => ({ kind, its: members[number] }))
      .filter(({ kind, its }) => kind && its.length >= this.count * NAMED_SHARE)
      .sort((a, b) => b.its.length - a.its.length)
      .map(({ kind, its }) => ({
        name: kindName(kind),
        tone: tone(kind),
        x: middle(its.map((i) => this.xs[i])),
        y: middle(its.map((i) => this.ys[i])),
      }));
  }

  /**
   * Draw the points, as dots of some pixels, into an empty image.
   *
   * The view says which part of the map is seen: its x and y are at the image's upper left corner,
   * and the whole map is scale times as large as the image.
   */
  draw(image, { x, y, scale }, pixels, colours) {
    const { data, width, height } = image;
    const size = Math.max(1, Math.round(pixels));
    const dot = discOf(size, CROWD_OPACITY[this.count > MANY ? 1 : 0]);
    const [left, top] = [width * scale, height * scale];
    for (let i = 0; i < this.count; i += 1) {
      const px = Math.round((this.xs[i] - x) * left - size / 2);
      const py = Math.round((this.ys[i] - y) * top - size / 2);
      if (px < 0 || py < 0 || px + size > width || py + size > height) continue;
      const colour = 3 * this.kind[i];
      for (let j = 0; j < size; j += 1) {
        let at = 4 * ((py + j) * width + px);
        for (let k = 0; k < size; k += 1, at += 4) {
          const cover = dot[j * size + k];
          if (!cover) continue;
          const below = (data[at + 3] / 255) * (1 - cover);
          const whole = cover + below;
          data[at] = (colours[colour] * cover + data[at] * below) / whole;
          data[at + 1] = (colours[colour + 1] * cover + data[at + 1] * below) / whole;
          data[at + 2] = (colours[colour + 2] * cover + data[at + 2] * below) / whole;
          data[at + 3] = 255 * whole;
        }
      }
    }
  }
}

/** Three bytes for each kind. */
export function coloursOf(kinds) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const bytes = new Uint8Array(3 * kinds.length);
  kinds.forEach((kind, number) => {
    pen.fillStyle = tone(kind);
    pen.fillRect(0, 0, 1, 1);
    bytes.set(pen.getImageData(0, 0, 1, 1).data.subarray(0, 3), 3 * number);
  });
  return bytes;
}

const cellOf = (value) => Math.max(0, Math.min(CELLS - 1, Math.floor(value * CELLS)));

/** Spread values over 0 to 1, whatever their range is. */
function spread(values) {
  if (!values.length) return values;
  const sorted = values.slice().sort();
  const low = sorted[Math.floor(sorted.length * QUANTILE)];
  const high = sorted[Math.ceil(sorted.length * (1 - QUANTILE)) - 1];
  const span = high - low || 1;
  return values.map((value) => {
    const share = Math.min(1 + OUTSIDE, Math.max(-OUTSIDE, (value - low) / span));
    return MARGIN + (1 - 2 * MARGIN) * share;
  });
}

/** How much of each pixel a disc covers. */
function discOf(size, opacity) {
  const dot = new Float32Array(size * size);
  const middle = (size - 1) / 2;
  for (let j = 0; j < size; j += 1) {
    for (let k = 0; k < size; k += 1) {
      const inside = size < 3 ? 1 : size / 2 + 0.5 - Math.hypot(j - middle, k - middle);
      dot[j * size + k] = opacity * Math.max(0, Math.min(1, inside));
    }
  }
  return dot;
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
