// A menu whose entries come and go while a name stays chosen.

const NOTHING_CHOSEN = "none";

/** The first entry means that nothing is chosen; `chosen` is a name, or empty. */
class Menu {
  constructor(ui, name) {
    this.ui = ui;
    this.name = name;
    this.chosen = "";
    this.names = [];
    this.entries = [];
  }

  /** Offer these names, sorted. A chosen one that is not among them stays, for it may come back. */
  fill(names) {
    this.names = [...names].sort((one, other) => one.localeCompare(other));
    const missing = this.chosen !== "" && !names.includes(this.chosen);
    const entries = [NOTHING_CHOSEN, ...this.names, ...(missing ? [this.chosen] : [])];
    if (entries.join("\n") !== this.entries.join("\n")) {
      this.entries = entries;
      this.ui.out(this.name, "menu", "clear");
      for (const entry of entries) this.ui.out(this.name, "menu", "append", entry);
      this.ui.set(this.name, Math.max(0, entries.indexOf(this.chosen, 1)));
    }
  }

  /** The producer has chosen an entry. */
  choose(index) {
    this.chosen = index > 0 ? this.entries[index] ?? "" : "";
  }

  /** A name is chosen that was kept with the Live set. */
  choose_name(name) {
    if (name === this.chosen) return;
    this.chosen = name === NOTHING_CHOSEN ? "" : name;
    this.entries = [];
    this.fill(this.names);
  }
}
