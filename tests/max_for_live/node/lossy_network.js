// A network between devices and a daemon that loses packets in both directions.
"use strict";

const dgram = require("node:dgram");
const { chance } = require("./chance.js");
const { decode, encode } = require("./osc.js");

/**
 * Listens on `port`, passes on to `daemon_port`, and loses the `loss` part of the packets of each direction.
 *
 * The daemon answers to a client's reply port, past any proxy; so the port in each hello is exchanged for one of ours,
 * from which the answers go on to the client's.
 */
class LossyNetwork {
  constructor({ daemon_port, loss, seed }) {
    this.daemon_port = daemon_port;
    this.loss = loss;
    this.random = chance(seed);
    this.counts = { to_daemon: 0, lost_to_daemon: 0, to_device: 0, lost_to_device: 0 };
    this.senders = new Map();
    this.receivers = new Map();
    this.socket = dgram.createSocket("udp4");
  }

  async open() {
    await bound(this.socket);
    this.port = this.socket.address().port;
    this.socket.on("message", (datagram, from) => this.to_daemon(datagram, from));
  }

  close() {
    for (const socket of [this.socket, ...this.senders.values(), ...this.receivers.values()]) socket.close();
  }

  async to_daemon(datagram, from) {
    this.counts.to_daemon += 1;
    const lost = this.random() < this.loss;
    if (lost) this.counts.lost_to_daemon += 1;
    const message = decode(datagram);
    if (message.address === "/oneshot/hello") {
      const [id, reply_port] = message.args;
      const receiver = await this.receiver(reply_port);
      datagram = encode(message.address, id, receiver.address().port);
    }
    const sender = await this.sender(from.port);
    if (!lost) sender.send(datagram, this.daemon_port, "127.0.0.1");
  }

  async sender(client_port) {
    return this.socket_of(this.senders, client_port, () => {});
  }

  async receiver(reply_port) {
    return this.socket_of(this.receivers, reply_port, (datagram, socket) => {
      this.counts.to_device += 1;
      if (this.random() < this.loss) this.counts.lost_to_device += 1;
      else socket.send(datagram, reply_port, "127.0.0.1");
    });
  }

  async socket_of(sockets, key, on_message) {
    if (!sockets.has(key)) {
      const socket = dgram.createSocket("udp4");
      socket.on("message", (datagram) => on_message(datagram, socket));
      socket.on("error", () => {});
      sockets.set(key, socket);
      socket.ready = bound(socket);
    }
    const socket = sockets.get(key);
    await socket.ready;
    return socket;
  }
}

function bound(socket) {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", resolve);
  });
}

module.exports = { LossyNetwork };
