"use strict";

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const { Daemon } = require("./daemon.js");
const { Device } = require("./max.js");
const { until } = require("./waiting.js");

let daemon;
let device;

before(async () => {
  daemon = await Daemon.new();
  device = new Device({ device: "Oneshot Pads", server_port: daemon.port });
  device.open();
});

after(async () => {
  device.close();
  await daemon.remove();
  assert.deepEqual(device.problems, []);
});

test("a note while there is no daemon is forgotten: a late hit is worse than none", async () => {
  device.note(0, 100);
  await until(() => device.status === "No daemon", () => device.status);
  device.note(0, 100);
  daemon.start();
  await until(() => device.status === "Ready" && device.get("level_15", "set") === 1, "full reserves");
  assert.deepEqual(daemon.jobs(), []);
});

test("notes hit pads with their velocity, each once", async () => {
  for (const velocity of [127, 64, 1]) device.note(3, velocity);
  await until(() => device.open_jobs === 0, "the hits");
  const jobs = daemon.jobs();
  assert.equal(jobs.length, 3);
  assert.ok(jobs.every(({ ended, sounds }) => ended === "done" && sounds === 1));
  const gains = jobs.map(({ request }) => request.touch?.gain_db ?? 0);
  assert.equal(gains[0], 0);
  assert.ok(gains[1] < -10 && gains[2] < gains[1], `${gains}`);
  assert.match(device.detail, /^snare · .*\.wav$/);
  device.note(3, 0);
  device.note(16, 100);
  device.note(-1, 100);
  assert.equal(device.open_jobs, 0, "none of these is a hit");
});

test("a kit is put on the pads, and a bank of them is shown and hit", async () => {
  assert.equal(device.get("pad_0", "text"), "kick");
  device.choose("kit", "noise");
  await until(() => device.detail === "noise is on the pads", () => device.detail);
  await until(() => device.get("pad_0", "text") !== "kick", "other pads");
  device.control("bank", 1);
  assert.equal(device.get("pad_0", "active"), 0);
  assert.equal(device.get("level_0", "set"), 0);
  device.note(0, 100);
  await until(() => /pad 16 is empty/.test(device.detail), () => device.detail);
  assert.equal(device.status, "Ready", "an empty pad is no trouble");
  device.control("bank", 0);
  assert.equal(device.get("pad_0", "active"), 1);
});

test("notes to a daemon that has died a moment ago are not played by the next one", async () => {
  const before = daemon.jobs().length;
  await daemon.end("SIGKILL");
  for (let hit = 0; hit < 4; hit += 1) device.note(0, 100);
  await until(() => device.status === "No daemon", () => device.status);
  assert.equal(device.open_jobs, 0);
  daemon.start();
  await until(() => device.status === "Ready", () => device.status);
  device.note(1, 127);
  await until(() => daemon.jobs().length > before && device.open_jobs === 0, "a hit of now");
  assert.equal(daemon.jobs().length, before + 1);
});
