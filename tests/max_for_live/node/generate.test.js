"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { after, before, beforeEach, afterEach, test } = require("node:test");
const { Daemon } = require("./daemon.js");
const { CONTROLS, Device } = require("./max.js");
const { pause, until } = require("./waiting.js");

let daemon;
let device;
let seed = 0;

before(async () => {
  daemon = await Daemon.new();
  daemon.start();
});

beforeEach(() => {
  seed += 1;
  device = new Device({ server_port: daemon.port, seed });
});

afterEach(() => {
  device.close();
  assert.deepEqual(device.problems, []);
});

after(() => daemon.remove());

test("a click asks for what the controls say", async () => {
  await ready({ lora_name: "none" });
  device.type("  punchy kick 50 hz ");
  device.control("brightness", CONTROLS.Oneshot.controls.find(({ name }) => name === "brightness").words.indexOf("dark"));
  device.control("seconds", 0.5);
  device.control("guidance", 4.5);
  device.control("count", 3);
  device.control("seed", 77);
  device.control("seed_lock", 1);
  device.click("generate");
  const { request, sounds } = await job_done();
  assert.deepEqual(
    { ...pick(request, "prompt", "seconds", "guidance", "count", "seed"), sounds },
    { prompt: "punchy kick 50 hz dark", seconds: 0.5, guidance: 4.5, count: 3, seed: 77, sounds: 3 },
  );
  device.type("a dark kick");
  device.control("guidance", 0);
  device.control("seconds", CONTROLS.Oneshot.controls.find(({ name }) => name === "seconds").range[1]);
  device.click("generate");
  const second = await job_done();
  assert.deepEqual(pick(second.request, "prompt", "guidance", "seconds"), {
    prompt: "a dark kick",
    guidance: null,
    seconds: null,
  });
});

test("every word of the brightness menu is the one that the script adds", async () => {
  await ready();
  const { words } = CONTROLS.Oneshot.controls.find(({ name }) => name === "brightness");
  device.type("kick");
  for (const index of words.keys()) {
    device.control("brightness", index);
    device.click("generate");
  }
  await until(() => device.open_jobs === 0, "the jobs");
  const prompts = daemon.jobs().slice(-words.length).map(({ request }) => request.prompt);
  assert.deepEqual(prompts, ["kick", ...words.slice(1).map((word) => `kick ${word}`)]);
});

test("an automated Generate counts only on the way up, and a set that opens clicks nothing", async () => {
  const clicks = () => device.requests("/oneshot/generate").length;
  device.control("generate", 1);
  device.control("keep", 1);
  await ready();
  assert.equal(clicks(), 0);
  device.control("generate", 0);
  assert.equal(clicks(), 0);
  device.control("generate", 1);
  assert.equal(clicks(), 1);
  await until(() => device.open_jobs === 0, "the job");
});

test("unlocked, each click draws a seed; Lock takes that of the sound; Dice throws another", async () => {
  await ready();
  device.type("kick");
  const first = (await click_and_wait()).request.seed;
  const second = (await click_and_wait()).request.seed;
  assert.notEqual(first, second);
  assert.equal(device.get("seed", "set"), undefined, "each drawn seed would be an undo step");
  device.control("seed_lock", 1);
  assert.equal(device.get("seed", "set"), second);
  assert.equal((await click_and_wait()).request.seed, second);
  device.click("seed_dice");
  const thrown = device.get("seed", "set");
  assert.ok(thrown !== second && Number.isInteger(thrown) && thrown >= 0 && thrown <= 9999999);
  assert.equal((await click_and_wait()).request.seed, thrown);
});

test("a locked set that opens keeps its seed", async () => {
  await ready({ seed: 1234, seed_lock: 1 });
  assert.equal((await click_and_wait()).request.seed, 1234);
});

test("of several requests only the newest one's first sound is shown and heard", async () => {
  await ready();
  device.control("count", 2);
  for (const word of ["kick", "snare", "clap"]) {
    device.type(`slow ${word}`);
    device.click("generate");
  }
  await until(() => device.open_jobs === 0, "the jobs");
  assert.equal(device.sounds.length >= 6, true);
  assert.equal(device.replaced.length, 1);
  assert.match(path.basename(device.replaced[0]), /^slow_clap/);
  await until(() => device.auditions.some(([verb]) => verb === "play"), "to hear it");
  assert.match(device.get("sound", "text"), /^2\/\d+ slow_clap/);
  device.click("next");
  assert.match(path.basename(device.replaced.at(-1)), /^slow_clap/);
  device.click("next");
  assert.equal(device.replaced.length, 2, "there is none after the newest");
  device.click("previous");
  device.click("previous");
  await until(() => path.basename(device.replaced.at(-1)).startsWith("slow_snare"), "the sound before");
});

test("a device that was just put into the set can step through the sounds of before", async () => {
  await ready();
  await until(() => device.get("previous", "active") === 1, "older sounds");
  device.click("previous");
  const newest = daemon.jobs().at(-1).request;
  assert.ok(device.replaced[0].includes(`_${newest.seed + newest.count - 1}`), device.replaced[0]);
});

test("with Hear off nothing sounds until Audition is clicked", async () => {
  await ready({ auto_play: 0 });
  await click_and_wait();
  await until(() => device.replaced.length === 1, "the sound");
  await pause(100);
  assert.deepEqual(device.auditions.filter(([verb]) => verb === "play"), []);
  device.click("audition");
  await until(() => device.auditions.at(-1)[0] === "play", "to hear it");
});

test("a remembered LoRA that is not there is asked for, and the daemon's no is shown", async () => {
  await ready({ lora_name: "my kicks" });
  await until(() => device.menus.get("lora")?.includes("my kicks"), "the menu");
  assert.equal(device.menus.get("lora")[device.get("lora", "set")], "my kicks");
  device.control("lora_weight", 0.5);
  device.click("generate");
  await until(() => device.status === "Error", () => device.status);
  assert.match(device.detail, /my kicks/);
  assert.ok(device.sent.some((message) => message.includes("my kicks:0.5")));
  device.choose("lora", "none");
  assert.equal(device.get("lora_name", "set"), "none");
  await click_and_wait();
  assert.equal(device.status, "Ready", "what is done next takes the trouble away");
});

test("a job that fails says why, and Generate goes on", async () => {
  await ready();
  device.type("broken kick");
  device.click("generate");
  await until(() => device.status === "Error", () => device.status);
  assert.equal(device.detail, "asked to be broken");
  assert.equal(device.get("progress", "set"), 0);
});

test("Cancel stops what runs and what waits", async () => {
  await ready();
  device.type("hang");
  for (let click = 0; click < 40; click += 1) device.click("generate");
  await until(() => device.get("progress", "set") > 0, "progress");
  assert.equal(device.get("cancel", "active"), 1);
  device.click("cancel");
  await until(() => device.open_jobs === 0, () => `${device.open_jobs} open`);
  assert.equal(device.status, "Ready");
  assert.ok(daemon.jobs().slice(-30).every(({ ended, sounds }) => ended === "cancelled" && sounds === 0));
});

test("a prompt that is empty is asked for", async () => {
  await ready({ prompt: "" });
  device.click("generate");
  assert.equal(device.status, "Error");
  assert.match(device.detail, /what to play/);
});

test("pads show name and reserve, and a click on one gives its sound at once", async () => {
  await ready();
  await until(() => device.get("level_0", "set") === 1, "a full reserve");
  assert.equal(device.get("pad_0", "text"), "kick");
  device.click("pad_0");
  await until(() => device.replaced.length === 1, "the sound");
  const job = daemon.jobs().at(-1);
  assert.equal(job.ended, "done");
  assert.equal(job.request.touch, null);
});

test("training says what is missing, and can be stopped", async () => {
  await ready();
  device.click("train");
  assert.match(device.detail, /Choose a folder/);
  fs.mkdirSync(path.join(daemon.home, "datasets", "my kicks"), { recursive: true });
  await until(() => device.menus.get("dataset")?.includes("my kicks"), "the folder");
  device.choose("dataset", "my kicks");
  device.click("train");
  assert.equal(device.get("train", "text"), "Stop");
  await until(() => device.status === "Training", () => device.status);
  assert.match(device.detail, /^my kicks/);
  device.click("train");
  await until(() => device.status === "Ready", () => `${device.status}: ${device.detail}`);
  assert.equal(device.get("train", "text"), "Train");
});

test("Help says how to start the daemon", async () => {
  await ready();
  device.click("help");
  assert.match(device.detail, /make serve.*Music\/Oneshot/);
});

async function ready(stored = {}) {
  device.open({ prompt: "kick", ...stored });
  await until(() => device.status === "Ready", () => device.status);
}

async function click_and_wait() {
  device.click("generate");
  return job_done();
}

async function job_done() {
  await until(() => device.open_jobs === 0, "the job's end");
  return daemon.jobs().at(-1);
}

function pick(object, ...keys) {
  return Object.fromEntries(keys.map((key) => [key, object[key]]));
}
