"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { walk } = require("./states.js");

test("with the real engine each state is shown, in its own colour, and a sound is made and loaded", async () => {
  const colors = new Map();
  const { device, jobs, wav, loads } = await walk((state, { shown }) => {
    colors.set(state, shown.get("status color").join());
  });
  assert.deepEqual([...colors.keys()], ["No daemon", "Loading the model", "Ready", "Rendering", "Training", "Error"]);
  assert.equal(new Set(colors.values()).size, 5, "no daemon and error are both red");
  assert.deepEqual(jobs.map(({ ended, sounds }) => [ended, sounds]), [["done", 4], ["bad_arguments", 0]]);
  assert.equal(wav.toString("latin1", 0, 4), "RIFF");
  assert.ok(wav.length > 10000);
  assert.deepEqual(loads, device.replaced);
  assert.match(device.detail, /qwertz/);
  assert.deepEqual(device.problems, []);
});
