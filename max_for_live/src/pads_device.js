// Oneshot Pads: what the notes and the controls do.

/**
 * The MIDI effect; see OneshotDevice for `out`. Notes go on to the instrument in the patch, with its timing.
 */
class PadsDevice {
  constructor({ out, clock, random, host, port }) {
    this.ui = new Interface(out.ui);
    this.status = new StatusLine({ ui: this.ui, clock });
    this.pads = new Pads(this.ui);
    this.kits = new Menu(this.ui, "kit");
    this.session = new Session({
      osc: out.osc,
      network: out.network,
      clock,
      random,
      host,
      port,
      listener: {
        reserve: () => this.session.lists.ask("pads", (items) => this.pads.fill(items)),
        lists: () => this.session.lists.ask("kits", (items) => this.kits.fill(items.map((item) => item.name))),
        sound: () => {},
      },
    });
    this.started = false;
    this.last = "";
  }

  /** The patch is ready. */
  start() {
    if (!this.started) {
      this.started = true;
      this.session.start();
    }
    this.show();
  }

  /** A control has moved; buttons say bang or 1. */
  control(name, values) {
    const value = values[0];
    if (name === "bank" && typeof value === "number") this.pads.use_bank(value);
    if (!this.started) return;
    const pad = /^pad_(\d+)$/.exec(name);
    if (name === "kit") this.load_kit(value);
    else if (pad !== null && (value === undefined || value === "bang" || value > 0)) this.hit(Number(pad[1]), 1);
    this.show();
  }

  /** A note of the sixteen: `pad` 0 to 15, `velocity` 1 to 127. */
  note(pad, velocity) {
    if (!this.started || !(pad >= 0 && pad < PADS) || !(velocity >= 1)) return;
    this.hit(Math.floor(pad), Math.min(1, velocity / 127));
    this.show();
  }

  /** A message from the reply port. */
  osc(address, args) {
    this.session.take(address, args);
    this.show();
  }

  /** Time passes. */
  tick() {
    this.session.tick();
    this.show();
  }

  hit(pad, velocity) {
    if (!this.session.connection.there) return; // a hit that comes late is worse than none
    this.session.jobs.start("pad/trigger", [this.pads.number(pad), velocity], this.pads.label(pad), {
      sound: (job, sound) => {
        this.last = `${job.label} · ${file_name(sound.path)}`;
      },
      notice: (_job, _code, text) => this.status.say(text),
      ended: (_job, how, text) => {
        if (how === "not_found") this.status.say(text); // an empty pad is no trouble
        else if (how !== "done" && how !== "cancelled") this.status.fail(text);
      },
    });
  }

  load_kit(index) {
    this.kits.choose(index);
    const name = this.kits.chosen;
    if (name === "") return;
    this.session.requests.ask("kit/load", [name], {
      answered: () => {
        this.status.say(`${name} is on the pads`);
        return true;
      },
      failed: (_code, text) => this.status.fail(text),
    });
  }

  show() {
    if (!this.started) return;
    const { state } = this.session;
    this.status.show(state, this.detail(state));
  }

  detail(state) {
    return state === "ready" || state === "rendering" ? this.last : this.session.detail;
  }
}
