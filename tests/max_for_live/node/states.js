// A device taken through all its states by the real daemon and the model that is part of the package.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { Daemon } = require("./daemon.js");
const { Device } = require("./max.js");
const { until } = require("./waiting.js");

const STEPS = 30;
const TRAINING_MS = 240000;

/** A sine that falls as a kick does, as a WAV of 16 bits. */
function kick(number) {
  const frames = 11025;
  const samples = Int16Array.from({ length: frames }, (_, frame) => {
    const seconds = frame / 44100;
    const phase = 2 * Math.PI * (50 * seconds - (40 + number * 10) * 0.03 * Math.exp(-seconds / 0.03));
    return 28000 * Math.exp(-seconds / 0.08) * Math.sin(phase);
  });
  const header = Buffer.alloc(44);
  header.write("RIFF");
  header.writeUInt32LE(36 + 2 * frames, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(44100, 24);
  header.writeUInt32LE(88200, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(2 * frames, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}

/**
 * Go through no daemon, loading, ready, rendering, training and error; `reached(state, device)` is called in each.
 *
 * A training takes its time to begin: only with `trained` its first steps are waited for.
 *
 * Returns the device, which is closed, the daemon's jobs, and the WAV that was made.
 */
async function walk(reached, { trained = false } = {}) {
  const daemon = await Daemon.new();
  const folder = path.join(daemon.home, "datasets", "my kicks");
  fs.mkdirSync(folder, { recursive: true });
  for (let number = 0; number < 6; number += 1) fs.writeFileSync(path.join(folder, `kick_${number}.wav`), kick(number));
  const training = `automatic = false\nsteps = ${STEPS}\nrank = 2\nbatch = 2`;
  fs.writeFileSync(path.join(daemon.home, "config.toml"), `[training]\n${training}\n[pads]\nreserve = 1\n[midi]\nenabled = false\n`);
  const device = new Device({ server_port: daemon.port });
  const simpler = device.live_set.simpler("Kick");
  device.live_set.place_after(device.live_set.track, simpler);
  const state = async (word) => {
    await until(() => device.status === word, () => `${word}, but ${device.status}: ${device.detail}`);
    reached(word, device);
  };
  try {
    device.open({ prompt: "punchy kick", auto_load: 1 });
    await state("No daemon");
    daemon.start_for_real();
    await state("Loading the model");
    await state("Ready");
    device.control("count", 4);
    device.click("generate");
    await until(() => device.get("progress", "set") > 0 || device.open_jobs === 0, "progress");
    await state("Rendering");
    await until(() => device.open_jobs === 0 && simpler.loads.length === 1, "the sounds");
    await until(() => device.menus.get("dataset").includes("my kicks"), "the dataset");
    device.choose("dataset", "my kicks");
    device.click("train");
    if (trained) await until(() => device.get("train_progress", "set") > 0, () => device.detail, TRAINING_MS);
    await state("Training");
    device.click("train");
    await until(() => device.open_jobs === 0 && device.status === "Ready", () => `${device.status}: ${device.detail}`);
    device.type("qwertz");
    device.click("generate");
    await state("Error");
    const wav = fs.readFileSync(device.replaced[0]);
    return { device, jobs: daemon.jobs(), wav, loads: simpler.loads };
  } finally {
    device.close();
    await daemon.remove();
  }
}

module.exports = { walk };
