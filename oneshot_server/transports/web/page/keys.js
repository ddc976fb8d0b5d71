// The keyboard, and the page that shows it.

import { byId, h } from "./dom.js";
import { padOf, strike } from "./pads.js";

// What the views themselves listen to.
const WALK = [
  { keys: ["←", "→", "↑", "↓"], help: "the next sound, and play it" },
  { keys: ["PgUp", "PgDn"], help: "a screen of sounds" },
  { keys: ["Home", "End"], help: "the first sound, the last" },
];
const PADS = {
  keys: ["Z", "…", "4"],
  help: "in the view of pads: all sixteen, from the lower left; softly with Shift",
};

/** Listen to the keyboard: a table of keys and what they do, and what is done with all others. */
export function startKeys(table, viewOf, otherwise) {
  const box = byId("help-keys");
  for (const { keys, help } of [...WALK, ...table, PADS]) {
    const caps = keys.length > 4 ? [keys[0], "…", keys.at(-1)] : keys;
    const joined = caps.map((key) => (key === "…" ? key : h("kbd", {}, shown(key))));
    box.append(h("div", {}, h("dt", {}, ...joined), h("dd", {}, help)));
  }
  const byKey = new Map(table.flatMap((row) => row.keys.map((key) => [key, row])));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, select, textarea");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    // A button that was reached by Tab is pressed by Space; one that was clicked is done with.
    const button = event.target.closest("button, a, [role=button]");
    if (button && (event.key === " " || event.key === "Enter")) {
      if (button.matches(":focus-visible")) return;
      button.blur();
    }
    const place = padOf(event);
    if (viewOf() === "pads" && place >= 0) {
      event.preventDefault();
      if (!event.repeat) strike(place, event.shiftKey ? 0.5 : 1);
      return;
    }
    const row = byKey.get(event.key);
    if (!row) otherwise(event);
    if (!row || (event.repeat && !row.repeats)) return;
    event.preventDefault();
    row.act(event);
  });
}

const shown = (key) => ({ " ": "Space", Escape: "Esc" })[key] ?? (key.length === 1 ? key.toUpperCase() : key);
