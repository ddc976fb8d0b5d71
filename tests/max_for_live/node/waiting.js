"use strict";

const PATIENCE_MS = 120000; // the real engine, on a machine that does other things as well

/** Wait until something is so; what it gives is the result. `what` says it in the error. */
async function until(is_so, what, patience_ms = PATIENCE_MS) {
  const deadline = Date.now() + patience_ms;
  for (;;) {
    const result = is_so();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`not in time: ${typeof what === "function" ? what() : what}`);
    await pause(10);
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

module.exports = { until, pause };
