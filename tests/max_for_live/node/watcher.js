// Hears all that the daemon says of all jobs, past any lossy network.
"use strict";

const dgram = require("node:dgram");
const { decode, encode } = require("./osc.js");

const ENDS = ["/oneshot/done", "/oneshot/error", "/oneshot/cancelled"];

/** `accepted` has the id of the request of each job that the daemon took, `ends` how each job ended. */
class Watcher {
  constructor(daemon_port) {
    this.accepted = [];
    this.ends = new Map();
    this.socket = dgram.createSocket("udp4");
    this.socket.on("message", (datagram) => this.take(decode(datagram)));
    this.socket.bind(0, "127.0.0.1", () => {
      const hello = encode("/oneshot/hello", "watcher", this.socket.address().port);
      this.greet = () => this.socket.send(hello, daemon_port, "127.0.0.1");
      this.greet();
    });
    this.welcome = new Promise((resolve) => {
      this.welcomed = resolve;
    });
  }

  take({ address, args }) {
    if (address === "/oneshot/welcome") this.welcomed();
    if (address === "/oneshot/accepted") this.accepted.push({ id: args[0], job: args[1] });
    if (ENDS.includes(address)) this.ends.set(args[0], [...(this.ends.get(args[0]) ?? []), address]);
  }

  close() {
    this.socket.close();
  }
}

module.exports = { Watcher };
