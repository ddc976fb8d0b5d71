// Max, as far as a device's script sees it: outlets, Task, LiveAPI, and the objects that the patch wires to it.
"use strict";

const assert = require("node:assert/strict");
const dgram = require("node:dgram");
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");
const { chance } = require("./chance.js");
const { ROOT } = require("./daemon.js");
const { LiveSetStub } = require("./live_set_stub.js");
const { decode, encode } = require("./osc.js");

const SOURCE = path.join(ROOT, "max_for_live", "src");
const CONTROLS = JSON.parse(fs.readFileSync(path.join(SOURCE, "controls.json"), "utf8"));
const PATCH_PORT = 9330;

/** The script as it is in the codebox. */
function script_of(device) {
  return CONTROLS[device].script.map((file) => fs.readFileSync(path.join(SOURCE, file), "utf8")).join("\n");
}

function names_of(device) {
  const names = CONTROLS[device].controls.flatMap(({ name, copies }) =>
    copies === undefined ? [name] : Array.from({ length: copies }, (_, index) => name.replace("{}", index)),
  );
  return new Set(names);
}

/** Max's Task, on Node's timers. */
class Task {
  constructor(fn, target = null, args = []) {
    this.run = () => fn.apply(target, args);
    this.interval = 500;
    this.timer = null;
  }

  repeat() {
    this.cancel();
    this.timer = setInterval(this.run, this.interval);
  }

  cancel() {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}

/**
 * A device in a Live set.
 *
 * `device` is a key of controls.json, `server_port` where what the device sends to port 9330 really goes; `draws` are the
 * first numbers of its chance, which goes on from `seed`.
 *
 * `shown` is what each control shows, by name and verb; `menus` the entries of each list; `auditions` what was sent to the
 * player; `sent` the OSC messages; `problems` what no patch would take.
 */
class Device {
  constructor({ device = "Oneshot", server_port, seed = process.pid, draws = [], live_set = new LiveSetStub() }) {
    this.device = device;
    this.server_port = server_port;
    this.live_set = live_set;
    this.names = names_of(device);
    this.shown = new Map();
    this.menus = new Map();
    this.history = [];
    this.auditions = [];
    this.sent = [];
    this.received = 0;
    this.problems = [];
    this.unplugged = false;
    this.listening = null;
    this.reply_port = null;
    this.sender = dgram.createSocket("udp4");
    this.sender.on("error", (error) => this.problems.push(String(error)));
    this.tasks = [];
    const tasks = this.tasks;
    const context = {
      inlets: 1,
      outlets: 1,
      outlet: (number, ...message) => this.outlet(number, message),
      post: (...words) => this.problems.push(`printed: ${words.join(" ")}`),
      Task: class extends Task {
        constructor(...args) {
          super(...args);
          tasks.push(this);
        }
      },
    };
    if (device === "Oneshot") context.LiveAPI = live_set.LiveAPI;
    this.max = vm.createContext(context);
    const random = chance(seed);
    vm.runInContext("Math", this.max).random = () => draws.shift() ?? random();
    vm.runInContext(script_of(device), this.max, { filename: `${device}.js` });
    assert.equal(context.inlets, 1);
    assert.equal(context.outlets, CONTROLS[device].outlets.length);
  }

  /** What Live does when a set is opened: stored values first, then live.thisdevice. */
  open(stored = {}) {
    const defaults = CONTROLS[this.device].controls.filter(({ visibility, default: value }) => visibility && value !== undefined);
    for (const { name, default: value } of defaults) {
      if (name === "prompt") this.type(stored.prompt ?? value);
      else this.control(name, stored[name] ?? value);
    }
    this.max.device();
  }

  /** Take the device out of the set. */
  close() {
    this.max.notifydeleted();
    assert.ok(this.tasks.every((task) => task.timer === null), "a task of a device that is gone still runs");
    this.sender.close();
    if (this.listening !== null) this.listening.close();
  }

  /** Move a control, or click a button. */
  control(name, ...values) {
    assert.ok(this.names.has(name), `no control is named ${name}`);
    this.max.control(name, ...values);
  }

  /** Type into the prompt field. */
  type(text) {
    this.control("prompt", "text", ...(text === "" ? [] : [text]));
  }

  click(name) {
    this.control(name, "bang");
  }

  /** Choose an entry of a list by its text. */
  choose(name, text) {
    const index = this.menus.get(name).indexOf(text);
    assert.notEqual(index, -1, `${name} has no ${text}, but ${this.menus.get(name)}`);
    this.control(name, index);
  }

  note(pad, velocity) {
    this.max.note(pad, velocity);
  }

  /** How many of its jobs have not ended. */
  get open_jobs() {
    return vm.runInContext("instance.session.jobs.size", this.max);
  }

  /** The sounds that it knows, the oldest first. */
  get sounds() {
    return [...vm.runInContext("instance.panel.sounds.sounds", this.max)].map(({ path: file }) => file);
  }

  /** What a control shows. */
  get(name, verb) {
    return this.shown.get(`${name} ${verb}`);
  }

  get status() {
    return this.get("status", "text");
  }

  get detail() {
    return this.get("detail", "text");
  }

  /** Paths that were given to the player. */
  get replaced() {
    return this.auditions.filter(([verb]) => verb === "replace").map(([, file]) => file);
  }

  /** Requests of a kind that were sent, each once. */
  requests(address) {
    const ids = new Map(this.sent.filter(([sent]) => sent === address).map((message) => [message[1], message]));
    return [...ids.values()];
  }

  outlet(number, message) {
    if (message.some((value) => value === undefined || value === null || Number.isNaN(value))) {
      this.problems.push(`outlet ${number}: ${message}`);
    }
    if (number === 0) this.udpsend(message);
    else if (number === 1) this.network(...message);
    else if (number === 2) this.interface(...message);
    else this.audition(message);
  }

  udpsend(message) {
    this.sent.push(message);
    if (!this.unplugged) this.sender.send(encode(...message), this.server_port, "127.0.0.1");
  }

  network(name, value) {
    if (name === "listen_port") this.udpreceive(value);
    else if (name === "send_port") assert.equal(value, PATCH_PORT);
    else assert.deepEqual([name, value], ["send_host", "127.0.0.1"]);
  }

  /** Let nothing pass, either way. */
  unplug() {
    this.unplugged = true;
  }

  plug_in() {
    this.unplugged = false;
  }

  udpreceive(port) {
    if (this.listening !== null) this.listening.close();
    const socket = dgram.createSocket("udp4");
    this.listening = socket;
    this.reply_port = port;
    socket.on("error", () => {
      if (this.listening === socket) this.listening = null; // another holds the port: Max goes on without a word
    });
    socket.on("message", (datagram) => {
      if (this.unplugged) return;
      const { address, args } = decode(datagram);
      this.received += 1;
      this.max.osc(address, ...args);
    });
    socket.bind(port, "127.0.0.1");
  }

  interface(word, name, verb, ...values) {
    if (word !== "ui" || !this.names.has(name)) this.problems.push(`${word} ${name} is nowhere in the patch`);
    this.history.push([name, verb, ...values]);
    if (verb === "menu") {
      if (values[0] === "clear") this.menus.set(name, []);
      else this.menus.get(name).push(values[1]);
    } else {
      this.shown.set(`${name} ${verb}`, values.length === 1 ? values[0] : values);
    }
  }

  audition(message) {
    this.auditions.push(message);
    if (message[0] !== "replace") return;
    fs.access(message[1], (error) => {
      if (error) this.problems.push(`buffer~ cannot read ${message[1]}`);
      else if (this.slow_reads) this.slow_reads.push(() => this.max.loaded());
      else this.max.loaded();
    });
  }
}

module.exports = { Device, CONTROLS, script_of };
