// All that passes between a device and the daemon.

const POLL_MS = 1000;
const POLL_PATIENCE_MS = 3000;
const REFRESH_MS = 10000;
const SEARCH_MS = 1500;
const NEVER_BACK_MS = 60000;

/**
 * Connection, requests, jobs and lists of one device.
 *
 * `osc(...message)` and `network(name, value)` are the patch's ways out. `listener` is told of `reserve` (levels may have
 * changed), `lists` (LoRAs, datasets and kits may have) and `sound` (one of anybody's is in the samples folder).
 */
class Session {
  constructor({ osc, network, clock, random, host, port, listener }) {
    this.osc = osc;
    this.clock = clock;
    this.listener = listener;
    const owner = `m4l-${Math.floor(random() * 0x1000000).toString(16)}${Math.floor(clock()).toString(16)}`;
    const send = (name, args) => this.osc(...to_message(name, args));
    const send_if_there = (name, args) => {
      if (this.connection.there) send(name, args);
    };
    this.connection = new Connection({ network, send, owner, clock, random, host, port, welcomed: (s) => this.welcomed(s) });
    this.requests = new Requests({ send: send_if_there, owner, clock });
    this.jobs = new Jobs({ requests: this.requests, clock, may_send: () => this.connection.there });
    this.lists = new Lists(this.requests);
    this.engine = { state: "", device: "", model: "", training: "" };
    this.training = null;
    this.reserve = "";
    this.poll_at = 0;
    this.refresh_at = 0;
    this.gone_at = null;
  }

  /** Begin; the patch is ready. */
  start() {
    this.started_at = this.clock();
    this.connection.start();
  }

  /** A message from the reply port. */
  take(address, args) {
    const message = from_message(address, args);
    if (message === null) return;
    this.connection.heard();
    if (this.connection.take(message.name, message.args)) return;
    this.overhear(message.name, message.args);
    if (!this.requests.take(message.name, message.args)) this.jobs.take(message.name, message.args);
  }

  tick() {
    const now = this.clock();
    this.connection.tick();
    if (this.connection.there) {
      this.gone_at = null;
      if (now >= this.poll_at) this.poll(now);
      if (now >= this.refresh_at) this.refresh(now);
    } else {
      this.gone_at ??= now;
      this.jobs.forget("pad/trigger"); // a hit that comes late is worse than none
      if (now - this.gone_at >= NEVER_BACK_MS) this.jobs.give_up("silence", "the daemon went away");
    }
    this.requests.tick();
    this.jobs.tick();
  }

  /** The word for what the daemon does, as far as this device is concerned. */
  get state() {
    if (!this.connection.there) {
      return this.connection.state === "searching" && this.clock() - this.started_at < SEARCH_MS ? "searching" : "no_daemon";
    }
    if (this.engine.state === "failed") return "error";
    if (this.engine.state === "starting" || this.engine.state === "loading") return "loading";
    if (this.rendering) return "rendering";
    return this.engine.training === "" ? "ready" : "training";
  }

  /** Whether this device waits for a sound. */
  get rendering() {
    return this.jobs.all.some((job) => job.name !== "train");
  }

  /** What to say of the state, or to do about it. */
  get detail() {
    const { model, device, training } = this.engine;
    switch (this.state) {
      case "no_daemon":
        return "Start it: make serve, or oneshot serve";
      case "error":
        return "The engine has given up: oneshot doctor says why";
      case "training":
        return training;
      case "ready":
        return model === "" ? "" : `${model} on ${device}`;
      default:
        return "";
    }
  }

  welcomed(engine_state) {
    this.engine.state = engine_state;
    this.poll_at = 0;
    this.refresh_at = 0;
    this.requests.repeat_all();
    this.jobs.ask_for_all();
  }

  overhear(name, args) {
    if (name === "sample") {
      this.listener.sound({ path: args[2], seed: args[3], seconds: args[4] });
    } else if (name === "train/progress") {
      this.training = { fraction: args[1], step: args[2], loss: args[3] };
    } else if (name === "lora/ready") {
      this.refresh_at = 0;
    }
  }

  poll(now) {
    this.poll_at = now + POLL_MS;
    this.requests.ask("status", [], {
      answered: (name, rest) => {
        if (name === "state") {
          const [state, , device, model, training] = rest;
          this.engine = { state, device, model, training };
          if (training === "") this.training = null;
          return false;
        }
        const reserve = rest.join(" ");
        if (reserve !== this.reserve) {
          this.reserve = reserve;
          this.listener.reserve();
        }
        return true;
      },
      patience_ms: POLL_PATIENCE_MS,
    });
  }

  refresh(now) {
    this.refresh_at = now + REFRESH_MS;
    this.listener.lists();
    this.listener.reserve();
  }
}
