// node write_states.js FOLDER: what the device sends to the patch, up to each state, a message a line, for pictures.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { walk } = require("./states.js");

const folder = process.argv[2];
fs.mkdirSync(folder, { recursive: true });
walk((state, { history }) => {
  const file = path.join(folder, `${state.toLowerCase().replaceAll(" ", "_")}.jsonl`);
  fs.writeFileSync(file, history.map((message) => `${JSON.stringify(message)}\n`).join(""));
});
