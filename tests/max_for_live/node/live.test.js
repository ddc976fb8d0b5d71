"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { afterEach, beforeEach, test } = require("node:test");
const { LiveSetStub } = require("./live_set_stub.js");
const { Device } = require("./max.js");
const { PuppetDaemon } = require("./puppet_daemon.js");
const { until } = require("./waiting.js");

let daemon;
let folder;
let file;
let set;
let device;

beforeEach(async () => {
  daemon = new PuppetDaemon();
  await daemon.open();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "oneshot-live-"));
  file = path.join(folder, "kick_7.wav");
  fs.writeFileSync(file, "");
  daemon.give(file);
  set = new LiveSetStub();
});

afterEach(() => {
  device.close();
  daemon.close();
  fs.rmSync(folder, { recursive: true });
  assert.deepEqual(device.problems, []);
});

test("a sound is loaded into the Simpler before the device, and said to be", async () => {
  const [far, near, behind] = ["Far", "Near", "Behind"].map((name) => set.simpler(name, { sample: "/old.wav" }));
  set.place_after(set.track, far, set.device("Reverb", "Reverb"), near);
  set.put(set.track, "devices", behind);
  await sound_shown();
  assert.equal(device.get("target", "text"), "Load → Simpler “Near”");
  device.click("load");
  assert.deepEqual([far.loads, near.loads, behind.loads], [[], [file], []]);
  assert.equal(device.detail, "Loaded into Simpler “Near”");
  assert.equal(near.properties.playback_mode, 0, "the producer's own mode is kept");
});

test("an empty Simpler plays its first sound as a one-shot", async () => {
  const simpler = set.simpler("New");
  set.place_after(set.track, simpler);
  await sound_shown();
  device.click("load");
  assert.equal(simpler.properties.playback_mode, 1);
});

test("with Auto on each sound is loaded as it comes, also when the set was saved so", async () => {
  const simpler = set.simpler("Kick");
  set.place_after(set.track, simpler);
  await sound_shown({ auto_load: 1 });
  assert.deepEqual(simpler.loads, [file]);
});

test("of two sounds that come while one is still read, the last one is heard", async () => {
  await sound_shown();
  const plays = () => device.auditions.filter(([verb]) => verb === "play").length;
  await until(() => plays() === 1, "the first sound");
  device.slow_reads = [];
  for (const name of ["kick_8", "kick_9"]) {
    const another = path.join(folder, `${name}.wav`);
    fs.writeFileSync(another, "");
    daemon.give(another);
    device.click("generate");
    await until(() => device.get("sound", "text").includes(name) && device.open_jobs === 0, name);
  }
  await until(() => device.slow_reads.length === 1, "a read that takes its time");
  device.slow_reads.shift()();
  await until(() => device.slow_reads.length === 1, "the next read");
  assert.equal(plays(), 1, "what was read is not what is shown");
  assert.match(device.replaced.at(-1), /kick_9/);
  device.slow_reads.shift()();
  assert.equal(plays(), 2);
  device.slow_reads = null;
});

test("Live may take its time: only what is read back counts as loaded", async () => {
  const simpler = set.simpler("Slow", { slow: true });
  set.place_after(set.track, simpler);
  await sound_shown();
  device.click("load");
  assert.doesNotMatch(device.detail, /Loaded/);
  simpler.finish();
  await until(() => /Loaded/.test(device.detail), () => device.detail);
  const another = path.join(folder, "kick_8.wav");
  fs.writeFileSync(another, "");
  daemon.give(another);
  device.click("generate");
  await until(() => device.replaced.length === 2 && device.open_jobs === 0, "another sound");
  device.click("load");
  await until(() => device.status === "Error", () => device.status);
  assert.match(device.detail, /did not take the sound/);
});

test("in a drum rack's chain the pad's own Simpler is loaded", async () => {
  const simplers = [set.simpler("Kick"), set.simpler("Snare")];
  const rack = set.drum_rack("Kit", simplers);
  set.put(set.track, "devices", rack);
  set.place_after(rack.children.get("chains")[1]);
  await sound_shown();
  assert.equal(device.get("target", "text"), "Load → Simpler “Snare”");
  device.click("load");
  assert.deepEqual(simplers.map(({ loads }) => loads), [[], [file]]);
});

test("behind a drum rack the selected pad's Simpler is loaded", async () => {
  const simplers = [set.simpler("Kick"), set.simpler("Snare"), set.simpler("Clap")];
  const rack = set.drum_rack("Kit", simplers);
  set.place_after(set.track, rack);
  await sound_shown();
  device.click("load");
  set.select_pad(rack, 2);
  device.click("load");
  assert.deepEqual(simplers.map(({ loads }) => loads.length), [1, 0, 1]);
});

test("before Live 12.4 a highlighted empty audio slot gets a clip", async () => {
  set.place_after(set.track, set.simpler("Old", { version: 12.2 }));
  const audio = set.new_track({ audio: true });
  const slot = set.slot(audio);
  set.highlight(slot);
  await sound_shown();
  assert.equal(device.get("target", "text"), "Load → an empty clip slot");
  device.click("load");
  assert.deepEqual(slot.clips, [file]);
  assert.equal(device.detail, "Loaded into a clip slot");
});

test("on an audio track the first empty slot gets a clip, but not by itself", async () => {
  const audio = set.new_track({ audio: true });
  const slots = [set.slot(audio, { full: true }), set.slot(audio), set.slot(audio)];
  set.place_after(audio);
  await sound_shown({ auto_load: 1 });
  assert.deepEqual(slots.map(({ clips }) => clips.length), [0, 0, 0]);
  device.click("load");
  device.click("load");
  assert.deepEqual(slots.map(({ clips }) => clips.length), [0, 1, 1]);
  device.click("load");
  assert.match(device.detail, /drag/);
});

test("where Live has no way the producer is told to drag", async () => {
  set.place_after(set.track, set.simpler("Old", { version: 12.2 }));
  const slot = set.slot(set.track);
  set.highlight(slot);
  await sound_shown();
  assert.equal(device.get("target", "text"), "Drag it from the browser onto the Simpler");
  device.click("load");
  assert.equal(device.detail, "Drag it from the browser onto the Simpler");
  assert.deepEqual(slot.clips, [], "a slot of a MIDI track takes no audio");
});

test("without a Simpler the device says so", async () => {
  await sound_shown();
  assert.equal(device.get("target", "text"), "No Simpler before this device: drag the sound");
});

test("a set that changes under the device's hands is no end of it", async () => {
  const simpler = set.simpler("Kick");
  set.place_after(set.track, simpler);
  simpler.functions.replace_sample = () => {
    throw new Error("the object is gone");
  };
  await sound_shown();
  device.click("load");
  assert.equal(device.status, "Error");
  assert.match(device.detail, /the object is gone/);
  await until(() => device.requests("/oneshot/status").length > 2, "the device to go on");
});

test("a path of Windows is given to Live with slashes, and known again", async () => {
  const simpler = set.simpler("Kick");
  set.place_after(set.track, simpler);
  await sound_shown();
  daemon.give("C:\\Users\\Ann\\Music\\Oneshot\\samples\\kick_8.wav");
  device.click("generate");
  await until(() => device.get("sound", "text").includes("kick_8"), "the sound");
  device.click("load");
  assert.equal(simpler.loads.at(-1), "C:/Users/Ann/Music/Oneshot/samples/kick_8.wav");
  assert.match(device.detail, /Loaded/);
  await until(() => device.problems.length === 1, "the player, which has no such file here");
  device.problems.length = 0;
});

test("a star is given and taken where the daemon can, and falls back where it cannot", async () => {
  await sound_shown();
  daemon.answers["/oneshot/star"] = (id) => daemon.say("/oneshot/ok", id);
  device.control("keep", 1);
  await until(() => device.get("keep", "set") === 1, "the star");
  device.control("keep", 0);
  await until(() => device.get("keep", "set") === 0, "no star");
  assert.deepEqual(daemon.asked.filter(([address]) => address === "/oneshot/star").map(([, , ...rest]) => rest), [[file, 5], [file, 0]]);
  daemon.answers["/oneshot/star"] = (id) => daemon.say("/oneshot/error", id, "bad_arguments", "stars = 9, expected 0 to 5");
  device.control("keep", 1);
  await until(() => device.status === "Error", () => device.status);
  assert.equal(device.get("keep", "set"), 0);
  assert.equal(device.detail, "stars = 9, expected 0 to 5");
});

test("the bars say how many sounds wait for each pad", async () => {
  let have = 3;
  daemon.answers["/oneshot/status"] = (id) => {
    daemon.say("/oneshot/state", id, "ready", 0, "cpu", "puppet", "");
    daemon.say("/oneshot/reserve", id, have, 4, 0, 0);
  };
  daemon.answers["/oneshot/list"] = (id, what) => {
    daemon.say("/oneshot/item", id, what, "0", `kick; reserve 9/9; reserve ${have}/4`);
    daemon.say("/oneshot/item", id, what, "5", "hat; reserve 0/4; the engine is broken");
    daemon.say("/oneshot/ok", id, 2);
  };
  await sound_shown();
  await until(() => device.get("level_0", "set") === 0.75, "three of four");
  assert.equal(device.get("pad_0", "text"), "kick; reserve 9/9", "whatever a pad is called");
  assert.deepEqual([device.get("pad_5", "text"), device.get("level_5", "set")], ["hat", 0]);
  assert.deepEqual([device.get("pad_1", "active"), device.get("pad_5", "active")], [0, 1]);
  have = 1;
  await until(() => device.get("level_0", "set") === 0.25, "one of four");
});

test("an engine that has given up, and a training of somebody else, are shown", async () => {
  await sound_shown();
  daemon.training = "my kicks 40%";
  await until(() => device.status === "Training", () => device.status);
  assert.equal(device.detail, "my kicks 40%");
  daemon.say("/oneshot/train/progress", "somebody's", 0.4, 120, 0.125);
  await until(() => device.get("train_progress", "set") > 0.39, "the bar");
  assert.equal(device.get("train_status", "text"), "step 120 · loss 0.125");
  daemon.training = "";
  await until(() => device.status === "Ready" && device.get("train_progress", "set") === 0, () => device.status);
  daemon.state = "failed";
  await until(() => device.status === "Error", () => device.status);
  assert.match(device.detail, /oneshot doctor/);
});

/** Open the set and make a sound, which is shown. */
async function sound_shown(stored = {}) {
  device = new Device({ server_port: daemon.port, live_set: set });
  device.open(stored);
  await until(() => device.status === "Ready", () => device.status);
  device.click("generate");
  await until(() => device.replaced.length === 1 && device.open_jobs === 0, "a sound");
}
