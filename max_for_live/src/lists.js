// Lists that the daemon keeps: LoRAs, datasets, kits, pads, recent sounds.

const LIST_PATIENCE_MS = 8000;

/** Asks for lists, one answer to each kind at a time. */
class Lists {
  constructor(requests) {
    this.requests = requests;
    this.asking = new Set();
  }

  /**
   * Ask for a list; `listed(items)` gets all of it, an item being `{name, detail}`.
   *
   * The end of a list says how many items it has. If some were lost on the way, it is asked for again.
   */
  ask(what, listed) {
    if (this.asking.has(what)) return;
    this.asking.add(what);
    const items = new Map();
    this.requests.ask("list", [what], {
      answered: (name, rest) => {
        if (name === "item") {
          const item = { name: rest[1], detail: rest[2] };
          items.set(`${item.name}\n${item.detail}`, item);
        }
        if (name !== "ok" || items.size < rest[0]) return false;
        this.asking.delete(what);
        listed([...items.values()]);
        return true;
      },
      failed: () => this.asking.delete(what),
      patience_ms: LIST_PATIENCE_MS,
    });
  }
}
