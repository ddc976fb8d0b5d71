"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Daemon } = require("./daemon.js");
const { LossyNetwork } = require("./lossy_network.js");
const { Device } = require("./max.js");
const { until } = require("./waiting.js");
const { Watcher } = require("./watcher.js");

const LOSS = 0.2;
const CLICKS = 40;
const HITS = 40;
const PADS = 4; // without the hats: hits of theirs cancel each other's jobs

test("with a fifth of the packets lost each way, no request is lost and none is done twice", async (t) => {
  const daemon = await Daemon.new();
  const network = new LossyNetwork({ daemon_port: daemon.port, loss: LOSS, seed: 11 });
  await network.open();
  const one = new Device({ server_port: network.port, seed: 1 });
  const pads = new Device({ device: "Oneshot Pads", server_port: network.port, seed: 2 });
  t.after(async () => {
    one.close();
    pads.close();
    network.close();
    await daemon.remove();
    assert.deepEqual([...one.problems, ...pads.problems], []);
  });
  daemon.start();
  const watcher = new Watcher(daemon.port);
  t.after(() => watcher.close());
  one.open();
  pads.open();
  await until(() => one.status === "Ready" && pads.status === "Ready", () => [one.status, pads.status]);
  watcher.greet();
  await watcher.welcome;
  one.type("kick");
  one.control("count", 2);
  for (let click = 0; click < CLICKS; click += 1) one.click("generate");
  for (let hit = 0; hit < HITS; hit += 1) pads.note(hit % PADS, 127);
  await until(() => one.open_jobs + pads.open_jobs === 0, () => `${one.open_jobs} and ${pads.open_jobs} jobs open`);

  const asked = [...one.requests("/oneshot/generate"), ...pads.requests("/oneshot/pad/trigger")].map(([, id]) => id);
  assert.equal(asked.length, CLICKS + HITS);
  assert.deepEqual(watcher.accepted.map(({ id }) => id).sort(), asked.sort(), "one job for each request, and no other");
  await until(() => watcher.ends.size === asked.length, "the watcher to hear of every end");
  assert.ok(watcher.accepted.every(({ job }) => String(watcher.ends.get(job)) === "/oneshot/done"), "each with one good end");
  const clicked = daemon.jobs().filter(({ request }) => request.prompt === "kick" && request.count === 2);
  assert.equal(clicked.length, CLICKS);
  assert.equal(new Set(clicked.map(({ request }) => request.seed)).size, CLICKS);
  assert.ok(clicked.every(({ ended, sounds }) => ended === "done" && sounds === 2));
  // The daemon's lists are whole, too.
  await until(() => Array.from({ length: 16 }, (_, pad) => pads.get(`pad_${pad}`, "active")).every((active) => active === 1), "sixteen pads");
  await until(() => pads.menus.get("kit")?.join() === "none,acoustic,house,noise,trap", () => pads.menus.get("kit"));
  const newest = one.requests("/oneshot/generate").at(-1);
  const seed = newest[newest.indexOf("seed") + 1];
  assert.match(one.replaced.at(-1), new RegExp(`_${seed}(_|\\.)|_${seed + 1}(_|\\.)`));
  const { to_daemon, lost_to_daemon, to_device, lost_to_device } = network.counts;
  t.diagnostic(`to the daemon: ${lost_to_daemon} of ${to_daemon} packets lost; back: ${lost_to_device} of ${to_device}`);
  t.diagnostic(`${watcher.accepted.length} jobs accepted for ${CLICKS} clicks and ${HITS} hits, all done`);
  assert.ok(lost_to_daemon > 0.1 * to_daemon && lost_to_device > 0.1 * to_device);
});
