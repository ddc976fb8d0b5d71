// What the patch shows.

/** `out(name, verb, ...values)` is the patch's way in to its controls. */
class Interface {
  constructor(out) {
    this.out = out;
    this.shown = new Map();
  }

  /** Set what the producer can change too. */
  set(name, value) {
    this.out(name, "set", value);
  }

  /** Show what only this script changes: nothing is sent if it is shown already. */
  show(name, verb, ...values) {
    const key = `${name} ${verb}`;
    const text = values.join(" ");
    if (this.shown.get(key) === text) return;
    this.shown.set(key, text);
    this.out(name, verb, ...values);
  }
}

/** A text that is no longer than so many characters. */
function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** The same, with its end kept: a file's name ends with its seed. */
function cut_middle(text, most) {
  const end = Math.floor(most / 2);
  return text.length <= most ? text : `${text.slice(0, most - end - 1)}…${text.slice(-end)}`;
}
