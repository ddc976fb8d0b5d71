// node write_states.js FOLDER: what the device sends to the patch, up to each state, a message a line, and its sound; for
// pictures.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { walk } = require("./states.js");

const folder = process.argv[2];
fs.mkdirSync(folder, { recursive: true });
const write = (state, { history, replaced }) => {
  const file = path.join(folder, `${state.toLowerCase().replaceAll(" ", "_")}.jsonl`);
  fs.writeFileSync(file, history.map((message) => `${JSON.stringify(message)}\n`).join(""));
  if (replaced.length > 0) fs.copyFileSync(replaced[0], path.join(folder, "sound.wav"));
};
walk(write, { trained: true });
