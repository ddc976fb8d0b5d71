// The part of the OSC protocol that the devices speak: docs/osc.md has all of it.
// Names go without the prefix elsewhere, so that no address stands outside these tables.

const PREFIX = "/oneshot/";

// Type tags in order; + means that keys and their values may follow.
const REQUESTS = {
  "/oneshot/hello": "si",
  "/oneshot/status": "s",
  "/oneshot/list": "ss",
  "/oneshot/generate": "ss+",
  "/oneshot/pad/trigger": "sif",
  "/oneshot/kit/load": "ss",
  "/oneshot/train": "ss",
  "/oneshot/star": "ssi",
  "/oneshot/job": "ss",
  "/oneshot/cancel": "ss"
};

const GENERATE_KEYS = {
  "count": "i",
  "seed": "i",
  "seconds": "f",
  "guidance": "f",
  "lora": "s"
};

// What stands in brackets may be missing.
const ANSWERS = {
  "/oneshot/welcome": "sssi",
  "/oneshot/state": "ssisss",
  "/oneshot/reserve": "siiii",
  "/oneshot/item": "ssss",
  "/oneshot/ok": "s[i]",
  "/oneshot/accepted": "ss",
  "/oneshot/progress": "sfs",
  "/oneshot/train/progress": "sfif",
  "/oneshot/sample": "sisif",
  "/oneshot/notice": "sss",
  "/oneshot/lora/ready": "ssi",
  "/oneshot/done": "sii",
  "/oneshot/cancelled": "s",
  "/oneshot/error": "sss"
};

/** A request as Max's message; throws what the daemon would refuse for its types. */
function to_message(name, args) {
  const address = PREFIX + name;
  const types = REQUESTS[address];
  const fixed = (types ?? "").replace("+", "").length;
  const keys = types?.endsWith("+") ? pairs(args.slice(fixed)) : [];
  const right =
    types !== undefined &&
    (types.endsWith("+") || args.length === fixed) &&
    args.slice(0, fixed).every((value, index) => is_of_type(value, types[index])) &&
    keys.every(([key, value]) => key in GENERATE_KEYS && is_of_type(value, GENERATE_KEYS[key]));
  if (!right) throw new Error(`${address} ${args.join(" ")} is not in the protocol`);
  return [address, ...args];
}

/** An answer as `{name, args}`; `null` for what is none: anybody may send to the reply port. */
function from_message(address, args) {
  const types = ANSWERS[address];
  if (types === undefined) return null;
  const least = types.replace(/\[.*\]/, "").length;
  const all = types.replace(/[[\]]/g, "");
  const right = args.length >= least && args.every((value, index) => is_of_type(value, all[index] ?? "any"));
  return right ? { name: address.slice(PREFIX.length), args } : null;
}

function is_of_type(value, type) {
  if (type === "s") return typeof value === "string";
  if (type === "i") return Number.isInteger(value);
  if (type === "f") return typeof value === "number" && Number.isFinite(value);
  return true; // more than was known when this was written
}

function pairs(values) {
  const found = [];
  for (let index = 0; index < values.length; index += 2) found.push([values[index], values[index + 1]]);
  return found;
}
