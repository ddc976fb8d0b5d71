"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Daemon } = require("./daemon.js");
const { Device } = require("./max.js");
const { until } = require("./waiting.js");

const CLICKS = 500;

test("five hundred quick clicks are five hundred jobs, of which only the last one's sound is loaded", async (t) => {
  const daemon = await Daemon.new();
  const device = new Device({ server_port: daemon.port });
  t.after(async () => {
    device.close();
    await daemon.remove();
    assert.deepEqual(device.problems, []);
  });
  daemon.start();
  device.open();
  await until(() => device.status === "Ready", () => device.status);
  const { simpler } = simpler_before(device);
  device.control("auto_load", 1);
  device.type("kick");
  for (let click = 0; click < CLICKS; click += 1) device.click("generate");
  assert.equal(device.status, "Rendering");
  assert.match(device.detail, /499 more/);
  await until(() => device.open_jobs === 0, () => `${device.open_jobs} jobs open`);
  const jobs = daemon.jobs();
  assert.equal(jobs.length, CLICKS);
  assert.ok(jobs.every(({ ended }) => ended === "done"));
  assert.equal(new Set(jobs.map(({ request }) => request.seed)).size, CLICKS);
  const last = jobs.at(-1).request.seed;
  assert.equal(device.replaced.length, 1);
  assert.ok(device.replaced[0].includes(`_${last}`), `${device.replaced[0]} is not of seed ${last}`);
  assert.deepEqual(simpler.loads, device.replaced);
  assert.equal(device.status, "Ready");
});

function simpler_before(device) {
  const simpler = device.live_set.simpler("Kick");
  device.live_set.place_after(device.live_set.track, simpler);
  return { simpler };
}
