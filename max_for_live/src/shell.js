// Max's side: messages in, messages out, and a clock. The files are joined to one script, which is not strict as a whole,
// for Max wants `inlets` and `outlets` to be assigned; classes are strict by themselves.

const HOST = "127.0.0.1";
const PORT = 9330;
const TICK_MS = 100;

const instance = new Device({
  out: {
    osc: (...message) => outlet(0, ...message),
    network: (name, value) => outlet(1, name, value),
    ui: (name, verb, ...values) => outlet(2, "ui", name, verb, ...values),
    audition: (...message) => outlet(3, ...message),
  },
  LiveAPI: typeof LiveAPI === "undefined" ? null : LiveAPI,
  clock: () => Date.now(),
  random: () => Math.random(),
  host: HOST,
  port: PORT,
});
let ticker = null;

/** From live.thisdevice: the patch is loaded, and the Live API there. Tasks run on Max's low-priority queue. */
function device() {
  instance.start();
  if (ticker !== null) return;
  ticker = new Task(() => instance.tick());
  ticker.interval = TICK_MS;
  ticker.repeat();
}

/** From a control. */
function control(name, ...values) {
  instance.control(name, values);
}

/** From udpreceive. */
function osc(address, ...args) {
  instance.osc(address, args);
}

/** From buffer~, when a file has been read. */
function loaded() {
  instance.loaded();
}

/** From the MIDI input. */
function note(pad, velocity) {
  instance.note(pad, velocity);
}

/** Max calls this when the device is taken away. */
function notifydeleted() {
  if (ticker !== null) ticker.cancel();
}
