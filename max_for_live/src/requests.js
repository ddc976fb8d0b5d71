// Requests over UDP: an id for each, asked again until an answer comes.

// Answers on one machine take a millisecond: one that is this late was lost.
const REPEAT_MS = 400;
const MOST_REPEAT_MS = 2000;
const BUSY_MS = 500;
// The daemon knows an id for a minute, so that asking again never does a thing twice.
const PATIENCE_MS = 50000;
const SILENCE = { code: "silence", text: "the daemon does not answer" };

/**
 * What was asked and not answered yet.
 *
 * `send(name, args)` sends a message, `owner` is unique on the machine and begins every id, `clock()` tells milliseconds.
 */
class Requests {
  constructor({ send, owner, clock }) {
    this.send = send;
    this.owner = owner;
    this.clock = clock;
    this.number = 0;
    this.open = new Map();
  }

  /**
   * Ask; returns the request's id.
   *
   * `answered(name, rest)` gets each answer without the id, and says by true that it was the last one.
   * `failed(code, text)` is called instead when the daemon refuses, or with the code `silence`. A daemon that is busy is
   * asked again, under the same id.
   */
  ask(name, args, { answered = () => true, failed = () => {}, patience_ms = PATIENCE_MS }) {
    this.number += 1;
    const id = `${this.owner}-${this.number}`;
    const now = this.clock();
    const request = { id, name, args, answered, failed, until: now + patience_ms, pause: REPEAT_MS, next: now, ...SILENCE };
    this.open.set(id, request);
    this.repeat(request, now);
    return id;
  }

  /** Forget a request: its answer is of no interest any more. */
  drop(id) {
    this.open.delete(id);
  }

  /** Whether the message was an answer to one of these. */
  take(name, args) {
    const request = this.open.get(args[0]);
    if (request === undefined) return false;
    if (name === "error") {
      [, request.code, request.text] = args;
      if (request.code === "busy") request.next = this.clock() + BUSY_MS;
      else this.fail(request);
    } else if (request.answered(name, args.slice(1))) {
      this.open.delete(request.id);
    }
    return true;
  }

  /** Ask everything again now: the daemon is back. */
  repeat_all() {
    for (const request of this.open.values()) {
      request.pause = REPEAT_MS;
      this.repeat(request, this.clock());
    }
  }

  /** Ask again what was not answered; give up what never was. */
  tick() {
    const now = this.clock();
    for (const request of [...this.open.values()]) {
      if (now >= request.until) this.fail(request);
      else if (now >= request.next) this.repeat(request, now);
    }
  }

  fail(request) {
    this.open.delete(request.id);
    request.failed(request.code, request.text);
  }

  repeat(request, now) {
    request.next = now + request.pause;
    request.pause = Math.min(2 * request.pause, MOST_REPEAT_MS);
    this.send(request.name, [request.id, ...request.args]);
  }
}
