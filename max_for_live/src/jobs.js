// Jobs: requests that the daemon accepts and ends later, each exactly once.

// So many are with the daemon at a time; others wait here, for its queue has a limit.
const MOST_OPEN_JOBS = 32;
// Of a job that is rendered, something is heard ten times a second.
const SILENCE_MS = 3000;
const MISSING_MS = 150;
const JOB_PATIENCE_MS = 2500;

/**
 * One job, from the press of a button to its end.
 *
 * `state` is waiting, sent, accepted or ended; `label` is for people; `id` the daemon's, once it is accepted.
 */
class Job {
  constructor(name, args, label, listener) {
    this.name = name;
    this.args = args;
    this.label = label;
    this.listener = listener;
    this.state = "waiting";
    this.id = "";
    this.sounds = new Map();
    this.expected = null;
    this.cancelled = false;
    this.request_id = "";
    this.ask_at = Infinity;
  }
}

/**
 * The jobs of this device; `listener` has `progress`, `sound`, `notice`, `lora_ready` and `ended`, all called with the
 * job first, and any of them may be missing. `may_send()` says whether the daemon is there.
 */
class Jobs {
  constructor({ requests, clock, may_send }) {
    this.requests = requests;
    this.clock = clock;
    this.may_send = may_send;
    this.line = [];
    this.open = new Set();
    this.by_id = new Map();
  }

  /** How many have not ended. */
  get size() {
    return this.line.length + this.open.size;
  }

  /** Those that have not ended, the oldest first. */
  get all() {
    return [...this.open, ...this.line];
  }

  /** Have something done. */
  start(name, args, label, listener) {
    const job = new Job(name, args, label, listener);
    this.line.push(job);
    this.advance();
    return job;
  }

  /** Stop a job that waits or runs. */
  cancel(job) {
    if (job.state === "ended" || job.cancelled) return;
    job.cancelled = true;
    if (job.state === "waiting") {
      this.line.splice(this.line.indexOf(job), 1);
      this.end(job, "cancelled", "");
    } else if (job.state === "accepted") {
      this.ask_to_cancel(job);
    }
  }

  /** Ask what has become of all that is open: the daemon was gone for a while. */
  ask_for_all() {
    for (const job of this.by_id.values()) job.ask_at = this.clock();
  }

  /** Whether the message was about one of these. */
  take(name, args) {
    const job = this.by_id.get(args[0]);
    if (job === undefined) return false;
    job.ask_at = this.clock() + SILENCE_MS;
    switch (name) {
      case "progress":
        this.tell(job, "progress", args[1]);
        break;
      case "sample":
        this.sound(job, { index: args[1], path: args[2], seed: args[3], seconds: args[4] });
        break;
      case "notice":
        this.tell(job, "notice", args[1], args[2]);
        break;
      case "lora/ready":
        this.tell(job, "lora_ready", args[1], args[2]);
        break;
      case "done":
        job.expected = args[1];
        if (job.name === "train" || job.sounds.size >= job.expected) this.end(job, "done", "");
        else job.ask_at = this.clock() + MISSING_MS;
        break;
      case "cancelled":
        this.end(job, "cancelled", "");
        break;
      case "error":
        this.end(job, args[1], args[2]);
        break;
    }
    return true;
  }

  /** Send what waits, ask about what is silent. */
  tick() {
    const now = this.clock();
    for (const job of [...this.by_id.values()]) {
      if (now >= job.ask_at) this.ask_about(job);
    }
    this.advance();
  }

  /** Cancel what was asked for by this name and not accepted yet: it would come too late. */
  forget(name) {
    for (const job of this.all) {
      if (job.name !== name || job.state === "accepted") continue;
      this.line = this.line.filter((other) => other !== job);
      this.requests.drop(job.request_id);
      this.end(job, "cancelled", "");
    }
  }

  /** End what was not sent yet. */
  give_up(code, text) {
    for (const job of this.line.splice(0)) this.end(job, code, text);
  }

  advance() {
    if (!this.may_send()) return;
    while (this.line.length > 0 && this.open.size < MOST_OPEN_JOBS) {
      const job = this.line.shift();
      job.state = "sent";
      this.open.add(job);
      job.request_id = this.requests.ask(job.name, job.args, {
        answered: (name, rest) => this.accepted(job, name, rest),
        failed: (code, text) => this.refused(job, code, text),
      });
    }
  }

  accepted(job, name, rest) {
    if (name !== "accepted") return false;
    [job.id] = rest;
    job.state = "accepted";
    job.ask_at = this.clock() + SILENCE_MS;
    this.by_id.set(job.id, job);
    if (job.cancelled) this.ask_to_cancel(job);
    return true;
  }

  refused(job, code, text) {
    this.end(job, job.cancelled ? "cancelled" : code, text);
  }

  ask_about(job) {
    job.ask_at = this.clock() + SILENCE_MS;
    this.requests.ask("job", [job.id], {
      answered: (name) => name === "accepted",
      failed: (code, text) => {
        if (code === "not_found") this.end(job, code, text);
      },
      patience_ms: JOB_PATIENCE_MS,
    });
  }

  ask_to_cancel(job) {
    job.cancelling = this.requests.ask("cancel", [job.id], {
      answered: () => false, // it is answered by the job's end
      failed: () => this.ask_about(job),
    });
  }

  sound(job, sound) {
    if (job.sounds.has(sound.index)) return;
    job.sounds.set(sound.index, sound);
    this.tell(job, "sound", sound);
    if (job.expected !== null && job.sounds.size >= job.expected) this.end(job, "done", "");
  }

  end(job, how, text) {
    if (job.state === "ended") return;
    job.state = "ended";
    this.open.delete(job);
    this.by_id.delete(job.id);
    if (job.cancelling !== undefined) this.requests.drop(job.cancelling);
    this.tell(job, "ended", how, text);
    this.advance();
  }

  tell(job, what, ...values) {
    if (job.listener[what] !== undefined) job.listener[what](job, ...values);
  }
}
