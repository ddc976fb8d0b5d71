// Sixteen pads: what they are called, and how many sounds wait for a hit.

const PADS = 16;
const RESERVE = /^(.*); reserve (\d+)\/(\d+)/s;

/** Shows a bank's pads; `bank` is 0 to 3. */
class Pads {
  constructor(ui) {
    this.ui = ui;
    this.bank = 0;
    this.items = [];
    this.labels = [];
  }

  /** The daemon's number of a pad of this bank. */
  number(pad) {
    return this.bank * PADS + pad;
  }

  /** How a pad is called. */
  label(pad) {
    return this.labels[pad] || `pad ${this.number(pad) + 1}`;
  }

  /** Show what the daemon's list of pads says. */
  fill(items) {
    this.items = items;
    const found = new Map(items.map((item) => [Number(item.name), RESERVE.exec(item.detail)]));
    for (let pad = 0; pad < PADS; pad += 1) {
      const [, label, have, wanted] = found.get(this.number(pad)) ?? ["", "", 0, 0];
      this.labels[pad] = label;
      this.ui.show(`pad_${pad}`, "text", label || "–");
      this.ui.show(`pad_${pad}`, "active", label === "" ? 0 : 1);
      this.ui.show(`level_${pad}`, "set", wanted > 0 ? Math.min(1, have / wanted) : 0);
    }
  }

  /** Show another bank. */
  use_bank(bank) {
    this.bank = Math.max(0, Math.min(3, Math.round(bank)));
    this.fill(this.items);
  }
}
