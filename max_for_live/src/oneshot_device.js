// Oneshot: what the controls do.

// As in controls.json; the first adds no word.
const BRIGHTNESS = ["as asked", "deep", "dark", "soft", "bright", "hard", "metallic", "noisy", "lofi"];
const LONGEST_PROMPT = 500;
const LENGTH_OF_THE_MODEL = 10; // the dial's end: the daemon would remark on more seconds than its model makes
const MOST_SEED = 9999999; // Live keeps parameters as 32-bit floats
const HELP = "Start the daemon: make serve, or oneshot serve. Its sounds: Music/Oneshot/samples";

/**
 * The audio effect.
 *
 * `out` has the patch's inlets as functions: `osc(...message)`, `network(name, value)`, `ui(name, verb, ...values)` and
 * `audition(...message)`. `LiveAPI` is Max's class, `clock()` tells milliseconds, `random()` is from 0 to 1.
 */
class OneshotDevice {
  constructor({ out, LiveAPI, clock, random, host, port }) {
    const ui = new Interface(out.ui);
    const status = new StatusLine({ ui, clock });
    const loader = new SoundLoader({ live_set: new LiveSet(LiveAPI), clock, status });
    const listener = {
      reserve: () => this.session.lists.ask("pads", (items) => this.pads.fill(items)),
      lists: () => this.ask_for_lists(),
      sound: (sound) => this.panel.sounds.add(sound),
    };
    this.session = new Session({ osc: out.osc, network: out.network, clock, random, host, port, listener });
    this.panel = new SoundPanel({ ui, status, audition: out.audition, session: this.session, loader, clock });
    this.training = new TrainingPanel({ ui, status, session: this.session });
    this.pads = new Pads(ui);
    this.loras = new Menu(ui, "lora");
    this.ui = ui;
    this.status = status;
    this.random = random;
    this.values = {
      prompt: "", seconds: 0, guidance: 0, count: 1, lora_weight: 1, brightness: 0, seed: 0, seed_lock: 0,
      auto_load: 0, auto_play: 1,
    };
    this.clicks = {
      generate: () => this.generate(),
      cancel: () => this.cancel(),
      seed_dice: () => this.set_seed(this.random_seed()),
      previous: () => this.panel.step(-1),
      next: () => this.panel.step(1),
      audition: () => this.panel.play(),
      load: () => this.panel.load({ of_itself: false }),
      train: () => this.training.click(),
      help: () => this.status.say(HELP),
    };
    this.started = false;
    this.newest = null;
    this.fraction = 0;
  }

  /** The Live API can be used from now on. */
  start() {
    if (!this.started) {
      this.started = true;
      this.session.start();
    }
    this.panel.show_kept();
    this.panel.show_target();
    this.show();
  }

  /** A control has moved; buttons say bang or 1. */
  control(name, values) {
    const value = values[0];
    if (name === "prompt") this.values.prompt = values.slice(value === "text" ? 1 : 0).join(" ").trim(); // as textedit says it
    else if (name === "lora_name") this.loras.choose_name(String(value));
    else if (name in this.values && typeof value === "number") this.turn(name, value);
    if (!this.started) return; // what follows is a producer's hand, not a Live set that opens

    if (name === "lora") this.choose_lora(value);
    else if (name === "dataset") this.training.datasets.choose(value);
    else if (name === "keep") this.panel.keep(value === 1);
    else if (name === "auto_load") this.panel.show_target();
    else if (value === undefined || value === "bang" || value > 0) this.click(name);
    this.show();
  }

  /** A message from the reply port. */
  osc(address, args) {
    this.session.take(address, args);
    this.show();
  }

  /** The buffer for auditions has been read. */
  loaded() {
    this.panel.loaded();
  }

  /** Time passes. */
  tick() {
    this.session.tick();
    this.panel.tick();
    this.show();
  }

  click(name) {
    const pad = /^pad_(\d+)$/.exec(name);
    if (pad === null && this.clicks[name] === undefined) return;
    this.status.clear();
    if (pad !== null) this.hit(Number(pad[1]));
    else this.clicks[name]();
  }

  turn(name, value) {
    const locked = name === "seed_lock" && value === 1 && this.values.seed_lock === 0;
    this.values[name] = value;
    this.panel.auto_load = this.values.auto_load === 1;
    this.panel.auto_play = this.values.auto_play === 1;
    const seed = this.panel.sounds.shown?.seed;
    if (locked && this.started && seed <= MOST_SEED) this.set_seed(seed);
  }

  set_seed(seed) {
    this.values.seed = seed;
    this.ui.set("seed", seed);
  }

  random_seed() {
    return Math.floor(this.random() * (MOST_SEED + 1));
  }

  choose_lora(index) {
    this.loras.choose(index);
    this.ui.set("lora_name", this.loras.chosen || NOTHING_CHOSEN);
  }

  generate() {
    if (!this.session.connection.there) return;
    const { prompt, count, seconds, guidance, lora_weight, seed, seed_lock } = this.values;
    if (prompt === "") {
      this.status.fail("Say what to play: punchy kick");
      return;
    }
    const keys = ["count", Math.round(count), "seed", seed_lock === 1 ? Math.round(seed) : this.random_seed()];
    if (seconds > 0 && seconds < LENGTH_OF_THE_MODEL) keys.push("seconds", seconds);
    if (guidance > 0) keys.push("guidance", guidance);
    if (this.loras.chosen !== "" && lora_weight !== 0) {
      keys.push("lora", `${this.loras.chosen}:${Number(lora_weight.toFixed(3))}`);
    }
    this.begin("generate", [this.prompt, ...keys], prompt);
  }

  get prompt() {
    const { prompt, brightness } = this.values;
    const word = brightness > 0 ? BRIGHTNESS[brightness] ?? "" : "";
    const said = word === "" || prompt.toLowerCase().split(/\W+/).includes(word);
    return said ? prompt.slice(0, LONGEST_PROMPT) : `${prompt.slice(0, LONGEST_PROMPT - word.length - 1)} ${word}`;
  }

  hit(pad) {
    if (!this.session.connection.there) return;
    this.begin("pad/trigger", [this.pads.number(pad), 1], this.pads.label(pad));
  }

  begin(name, args, label) {
    let first = true;
    this.newest = this.session.jobs.start(name, args, label, {
      progress: (_job, fraction) => {
        this.fraction = fraction;
      },
      sound: (job, { path }) => {
        // Only of the newest request, the first sound is shown, heard and loaded.
        if (job === this.newest && first) this.panel.show_sound({ path });
        first = false;
      },
      notice: (_job, _code, text) => this.status.say(text),
      ended: (_job, how, text) => {
        if (how !== "done" && how !== "cancelled") this.status.fail(text);
        if (!this.session.rendering) this.fraction = 0;
      },
    });
  }

  cancel() {
    for (const job of this.session.jobs.all) {
      if (job !== this.training.job) this.session.jobs.cancel(job);
    }
  }

  ask_for_lists() {
    const { lists } = this.session;
    const { sounds } = this.panel;
    lists.ask("loras", (items) => this.loras.fill(items.map((item) => item.name)));
    lists.ask("datasets", (items) => this.training.datasets.fill(items.map((item) => item.name)));
    lists.ask("recent", (items) => sounds.add_older(items.map((item) => item.detail)));
  }

  show() {
    if (!this.started) return;
    const { state, connection, rendering } = this.session;
    this.status.show(state, this.detail(state));
    this.ui.show("progress", "set", this.fraction);
    this.ui.show("generate", "active", connection.there ? 1 : 0);
    this.ui.show("cancel", "active", rendering ? 1 : 0);
    this.panel.show();
    this.training.show();
  }

  detail(state) {
    if (state !== "rendering") return this.session.detail;
    const more = this.session.jobs.size - 1;
    const percent = `${Math.round(this.fraction * 100)} %`;
    return [percent, ...(more > 0 ? [`${more} more`] : []), this.newest?.label ?? ""].join(" · ");
  }
}
