// A daemon that says what a test lets it say: for what the real one says only when something is broken.
"use strict";

const dgram = require("node:dgram");
const { decode, encode } = require("./osc.js");

class PuppetDaemon {
  constructor() {
    this.socket = dgram.createSocket("udp4");
    this.state = "ready";
    this.training = "";
    this.reply_port = null;
    this.asked = [];
    this.answers = {
      "/oneshot/hello": (id, reply_port) => {
        this.reply_port = reply_port;
        this.say("/oneshot/welcome", id, "0", this.state, 60);
      },
      "/oneshot/status": (id) => {
        this.say("/oneshot/state", id, this.state, 0, "cpu", "puppet", this.training);
        this.say("/oneshot/reserve", id, 0, 0, 0, 0);
      },
      "/oneshot/list": (id) => this.say("/oneshot/ok", id, 0),
    };
  }

  async open() {
    await new Promise((resolve) => {
      this.socket.bind(0, "127.0.0.1", resolve);
    });
    this.port = this.socket.address().port;
    this.socket.on("message", (datagram) => {
      const { address, args } = decode(datagram);
      this.asked.push([address, ...args]);
      this.answers[address]?.(...args);
    });
  }

  close() {
    this.socket.close();
  }

  say(address, ...args) {
    this.socket.send(encode(address, ...args), this.reply_port, "127.0.0.1");
  }

  /** Answer the next generate with this file. */
  give(file) {
    this.answers["/oneshot/generate"] = (id) => {
      this.say("/oneshot/accepted", id, "job-1");
      this.say("/oneshot/sample", "job-1", 0, file, 7, 0.5);
      this.say("/oneshot/done", "job-1", 1, 5);
    };
  }
}

module.exports = { PuppetDaemon };
