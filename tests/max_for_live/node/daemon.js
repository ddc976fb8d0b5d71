// The real daemon as a process, with the engine that paints nothing or with the one that does.
"use strict";

const { spawn, spawnSync } = require("node:child_process");
const dgram = require("node:dgram");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const ROOT = path.resolve(__dirname, "../../..");
const OWN_PYTHON = path.join(ROOT, ".venv", "bin", "python");
const PYTHON = process.env.ONESHOT_PYTHON ?? (fs.existsSync(OWN_PYTHON) ? OWN_PYTHON : "python3");
const JOBS = `
import json, sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    rows = db.execute(
        "SELECT id, request, ended, (SELECT count(*) FROM sounds WHERE job = jobs.id AND published) "
        "FROM jobs ORDER BY number"
    ).fetchall()
print(json.dumps([
    {"id": i, "request": json.loads(r), "ended": e, "sounds": s} for i, r, e, s in rows
]))
`;

class Daemon {
  constructor({ port, home }) {
    this.port = port;
    this.home = home;
    this.process = null;
  }

  static async new() {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), "oneshot-device-"));
    return new Daemon({ port: await free_port(), home });
  }

  /** Start with the fake engine. */
  start() {
    this.run(["-m", "tests.integration.fake_engine_daemon", this.home, String(this.port), "enabled=False"]);
  }

  /** Start as a producer does, with the model that is part of the package. */
  start_for_real() {
    this.run(["-m", "oneshot_server", "serve", "--home", this.home, "--port", String(this.port)]);
  }

  run(command) {
    const env = { ...process.env, PYTHONPATH: ROOT, OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? "2" };
    this.process = spawn(PYTHON, command, { cwd: ROOT, env, stdio: ["ignore", "ignore", "inherit"] });
    this.ended = new Promise((resolve) => {
      this.process.once("exit", resolve);
    });
  }

  /** End it, by default as a producer does. */
  async end(signal = "SIGTERM") {
    if (this.process === null) return;
    this.process.kill(signal);
    await this.ended;
    this.process = null;
  }

  /** End it and take its home away. */
  async remove() {
    await this.end();
    fs.rmSync(this.home, { recursive: true, force: true });
  }

  /** What its journal says: id, request, how it ended and the number of sounds of each job. */
  jobs() {
    const shown = spawnSync(PYTHON, ["-c", JOBS, path.join(this.home, "library.db")], { encoding: "utf8" });
    if (shown.status !== 0) throw new Error(shown.stderr);
    return JSON.parse(shown.stdout);
  }
}

function free_port() {
  return new Promise((resolve, reject) => {
    const probe = dgram.createSocket("udp4");
    probe.once("error", reject);
    probe.bind(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

module.exports = { Daemon, free_port, ROOT };
