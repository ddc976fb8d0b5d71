// What the device is doing: a state in its own colour, and a line that says more.

const STATES = {
  searching: { text: "Looking for the daemon …", color: [0.6, 0.6, 0.6, 1] },
  no_daemon: { text: "No daemon", color: [0.95, 0.35, 0.3, 1] },
  loading: { text: "Loading the model", color: [0.95, 0.75, 0.25, 1] },
  ready: { text: "Ready", color: [0.4, 0.85, 0.45, 1] },
  rendering: { text: "Rendering", color: [0.35, 0.75, 1, 1] },
  training: { text: "Training", color: [0.75, 0.55, 1, 1] },
  error: { text: "Error", color: [0.95, 0.35, 0.3, 1] },
};
const LONGEST_DETAIL = 84; // what the label has room for
const REMARK_MS = 4000;
const TROUBLE_MS = 8000;

/**
 * Shows a state and a detail, when they change.
 *
 * A remark takes the detail's place for a moment; trouble takes the state's too, until its time is over or the producer
 * goes on.
 */
class StatusLine {
  constructor({ ui, clock }) {
    this.ui = ui;
    this.clock = clock;
    this.remark = null;
  }

  /** Something worth a moment. */
  say(text) {
    this.remark = { state: null, text, until: this.clock() + REMARK_MS };
  }

  /** Something went wrong. */
  fail(text) {
    this.remark = { state: "error", text, until: this.clock() + TROUBLE_MS };
  }

  /** The producer goes on. */
  clear() {
    this.remark = null;
  }

  /** The state as it is now, and what to say of it. */
  show(state, detail) {
    if (this.remark !== null && this.clock() >= this.remark.until) this.remark = null;
    const shown = STATES[this.remark?.state ?? state];
    this.ui.show("status", "text", shown.text);
    this.ui.show("status", "color", ...shown.color);
    this.ui.show("detail", "text", cut(this.remark?.text ?? detail, LONGEST_DETAIL));
  }
}
