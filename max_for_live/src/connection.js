// The way to the daemon and back: a reply port of our own, found, kept and found again.

const FIRST_REPLY_PORT = 9340;
const REPLY_PORTS = 64; // as many as the daemon has leases
const HELLO_MS = 350;
const PORT_MS = 1000;
const KNOWN_PORT_MS = 10000;
const RENEW_MS = 20000;
const DOUBT_MS = 1800; // the state is asked for every second
const GONE_MS = 3200;

/**
 * Says hello until a welcome comes, and again whenever the daemon falls silent.
 *
 * Where another device holds the reply port, the answers go there. So without a welcome within a second the next port is
 * tried; one that has worked is kept for longer, for then it is the daemon that is gone.
 *
 * `network(name, value)` sets host and ports, `send(name, args)` sends a message, `welcomed(engine_state)` is called
 * when the daemon is there, for the first time or again.
 */
class Connection {
  constructor({ network, send, owner, clock, random, host, port, welcomed }) {
    this.network = network;
    this.send = send;
    this.owner = owner;
    this.clock = clock;
    this.host = host;
    this.port = port;
    this.welcomed = welcomed;
    this.reply_port = FIRST_REPLY_PORT + Math.floor(random() * REPLY_PORTS);
    this.ports_tried = 0;
    this.known_port = false;
    this.state = "asleep"; // then searching, there, doubt, gone
  }

  /** Whether the daemon answers, or did a moment ago. */
  get there() {
    return this.state === "there" || this.state === "doubt";
  }

  /** Begin; the patch is ready. */
  start() {
    this.network("send_host", this.host);
    this.network("send_port", this.port);
    this.state = "searching";
    this.searching_since = this.clock();
    this.listen();
  }

  /** Something came from the daemon. */
  heard() {
    this.heard_at = this.clock();
  }

  /** Whether the message was a welcome, whoever it was for. */
  take(name, args) {
    if (name !== "welcome") return false;
    if (args[0] === this.hello_id) {
      const was_there = this.state === "there";
      this.state = "there";
      this.known_port = true;
      this.renew_at = this.clock() + RENEW_MS;
      if (!was_there) this.welcomed(args[2]);
    }
    return true;
  }

  tick() {
    const now = this.clock();
    if (this.state === "asleep") return;
    if (this.state === "there") {
      if (now - this.heard_at >= DOUBT_MS) {
        this.state = "doubt";
        this.listening_since = now;
        this.hello(now);
      } else if (now >= this.renew_at) {
        this.renew_at = now + RENEW_MS;
        this.hello(now);
      }
      return;
    }
    if (this.state === "doubt" && now - this.heard_at >= GONE_MS) this.state = "gone";
    if (this.state === "searching" && now - this.searching_since >= GONE_MS) this.state = "gone";
    if (now - this.listening_since >= (this.known_port ? KNOWN_PORT_MS : PORT_MS)) {
      this.known_port = false;
      this.reply_port = FIRST_REPLY_PORT + ((this.reply_port - FIRST_REPLY_PORT + 1) % REPLY_PORTS);
      this.listen();
    } else if (now >= this.hello_at) {
      this.hello(now);
    }
  }

  listen() {
    const now = this.clock();
    this.ports_tried += 1;
    this.hello_id = `${this.owner}-hello-${this.ports_tried}`;
    this.listening_since = now;
    this.network("listen_port", this.reply_port);
    this.hello(now);
  }

  hello(now) {
    this.hello_at = now + HELLO_MS;
    this.send("hello", [this.hello_id, this.reply_port]);
  }
}
