"use strict";

const assert = require("node:assert/strict");
const dgram = require("node:dgram");
const { test } = require("node:test");
const { Daemon } = require("./daemon.js");
const { Device } = require("./max.js");
const { encode } = require("./osc.js");
const { until } = require("./waiting.js");

test("a device finds the daemon whenever it starts, and says how to start it while it is gone", async (t) => {
  const { daemon, device } = await stage(t);
  device.open();
  assert.equal(device.status, "Looking for the daemon …");
  await until(() => device.status === "No daemon", "no daemon");
  assert.match(device.detail, /make serve/);
  assert.equal(device.get("generate", "active"), 0);
  device.click("generate");
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    daemon.start();
    await until(() => device.status === "Ready", () => device.status);
    await until(() => device.detail === "fake on none", () => device.detail);
    assert.equal(device.get("generate", "active"), 1);
    await daemon.end(signal);
    await until(() => device.status === "No daemon", () => device.status);
  }
  assert.deepEqual(daemon.jobs(), [], "a click without a daemon is no request");
});

test("jobs that were accepted before the daemon was killed end once, after it was started again", async (t) => {
  const { daemon, device } = await stage(t);
  daemon.start();
  device.open();
  await until(() => device.status === "Ready", () => device.status);
  device.type("slow kick");
  device.control("count", 2);
  for (let click = 0; click < 6; click += 1) device.click("generate");
  await until(() => device.sounds.length >= 3, "three sounds");
  await daemon.end("SIGKILL");
  await until(() => device.status === "No daemon", () => device.status);
  assert.ok(device.open_jobs >= 4);
  daemon.start();
  await until(() => device.open_jobs === 0, () => `${device.open_jobs} jobs open`);
  assert.deepEqual(ends(daemon), Array(6).fill(["done", 2]));
  assert.equal(new Set(device.sounds).size, 12, device.sounds.join("\n"));
  assert.equal(device.status, "Ready");
});

test("jobs that end while the device hears nothing are asked for when it is back", async (t) => {
  const { daemon, device } = await stage(t);
  daemon.start();
  device.open();
  await until(() => device.status === "Ready", () => device.status);
  device.type("slow kick");
  device.click("generate");
  await until(() => device.get("progress", "set") > 0, "progress");
  device.unplug();
  await until(() => daemon.jobs().every(({ ended }) => ended === "done"), "the daemon's end of the job");
  await daemon.end("SIGKILL");
  device.plug_in();
  daemon.start();
  await until(() => device.open_jobs === 0 && device.replaced.length === 1, "the sound");
  assert.deepEqual(ends(daemon), [["done", 1]]);
});

test("a daemon that is shut down is heard to say so", async (t) => {
  const { daemon, device } = await stage(t);
  daemon.start();
  device.open();
  await until(() => device.status === "Ready", () => device.status);
  device.type("hang");
  device.click("generate");
  await until(() => device.status === "Rendering", () => device.status);
  await daemon.end();
  await until(() => device.status === "Error", () => device.status);
  assert.equal(device.detail, "the daemon was shut down");
  assert.equal(device.open_jobs, 0);
});

test("two devices that want the same port both get one, and each only its own sounds", async (t) => {
  const { daemon, device: one } = await stage(t, { draws: [0.1, 0.5], seed: 1 });
  const other = new Device({ server_port: daemon.port, draws: [0.2, 0.5], seed: 2 });
  t.after(() => other.close());
  one.open();
  other.open();
  assert.equal(one.reply_port, other.reply_port);
  daemon.start();
  await until(() => one.status === "Ready" && other.status === "Ready", () => [one.status, other.status]);
  assert.notEqual(one.reply_port, other.reply_port);
  one.type("kick");
  other.type("snare");
  for (const device of [one, other, one, other]) device.click("generate");
  await until(() => one.open_jobs + other.open_jobs === 0, "all jobs");
  assert.equal(daemon.jobs().length, 4);
  assert.ok(one.replaced.length > 0 && one.replaced.every((file) => file.includes("kick")), one.replaced);
  assert.ok(other.replaced.length > 0 && other.replaced.every((file) => file.includes("snare")), other.replaced);
  assert.equal(new Set([...one.sounds, ...other.sounds]).size, 4, "each may step to the other's sounds");
});

test("whatever comes to the reply port, the device goes on", async (t) => {
  const { daemon, device } = await stage(t);
  daemon.start();
  device.open();
  await until(() => device.status === "Ready", () => device.status);
  const stranger = dgram.createSocket("udp4");
  t.after(() => stranger.close());
  for (const message of [
    ["/oneshot/sample", "job", "one", "two", "three", "four"],
    ["/oneshot/sample"],
    ["/oneshot/accepted", "nobody's", "job"],
    ["/oneshot/done", "job", 1, 1],
    ["/oneshot/error", "", "bad_arguments", "no id"],
    ["/oneshot/welcome", "somebody's", "1", "failed", 60],
    ["/oneshot/train/progress", "job", 0.5, 3, 0.25],
    ["/oneshot/unheard/of", "x"],
    ["/live/song", 1],
  ]) {
    stranger.send(encode(...message), device.reply_port, "127.0.0.1");
  }
  const before = device.received;
  await until(() => device.received >= before + 9, "the messages");
  assert.deepEqual(device.sounds, []);
  assert.equal(device.status, "Ready");
  device.click("generate");
  await until(() => device.replaced.length === 1, "a sound");
});

async function stage(t, options = {}) {
  const daemon = await Daemon.new();
  const device = new Device({ server_port: daemon.port, ...options });
  t.after(async () => {
    device.close();
    await daemon.remove();
    assert.deepEqual(device.problems, []);
  });
  return { daemon, device };
}

function ends(daemon) {
  return daemon.jobs().map(({ ended, sounds }) => [ended, sounds]);
}
