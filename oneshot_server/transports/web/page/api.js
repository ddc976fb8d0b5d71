// The daemon, by HTTP and by its events.

import { tell } from "./bus.js";
import { toast } from "./dom.js";

/** Why the daemon refused. */
class Refusal extends Error {
  constructor(status, { code = "", text = `HTTP ${status}` } = {}) {
    super(text);
    this.code = code;
    this.status = status;
  }
}

async function read(response) {
  const json = (response.headers.get("content-type") ?? "").startsWith("application/json");
  const body = json ? await response.json() : null;
  if (!response.ok) throw new Refusal(response.status, body ?? {});
  return body;
}

/** Ask for something; values that are empty are left out. */
export async function get(path, query = {}) {
  const said = Object.entries(query).filter(([, value]) => value !== "" && value !== null);
  const tail = said.length ? `?${new URLSearchParams(said)}` : "";
  return read(await fetch(`/api/${path}${tail}`));
}

/** Have something done. */
export async function post(path, body = {}) {
  return read(
    await fetch(`/api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
}

/** Have something done, and say so if it was refused; null then. */
export async function ask(path, body = {}) {
  try {
    return (await post(path, body)) ?? {};
  } catch (problem) {
    toast(problem.message, true);
    return null;
  }
}

/** Send a file. */
export async function put(path, file) {
  return read(
    await fetch(`/api/${path}`, {
      method: "PUT",
      headers: { "Content-Type": "application/octet-stream" },
      body: file,
    }),
  );
}

export const fileUrl = (sound) => `/api/sounds/${sound.number}/file?v=${version(sound)}`;
/** Where a sound can be heard: browsers know no AIFF, and get it as a WAV. */
export const audioUrl = (sound) =>
  /\.aif[fc]?$/i.test(sound.path)
    ? `/api/sounds/${sound.number}/audio?v=${version(sound)}`
    : fileUrl(sound);
export const pictureUrl = (sound) => `/api/sounds/${sound.number}/picture?v=${version(sound)}`;

const version = (sound) => sound.content.slice(0, 12);

const EVENTS = [
  "accepted", "progress", "notice", "sample", "training", "lora", "done", "failed", "cancelled",
  "library", "status", "pads", "lost",
];

let source = null;

/** Listen to the daemon while the page is seen: a hidden one holds no connection. */
export function listen() {
  const follow = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) {
      connect();
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

function connect() {
  source = new EventSource("/api/events");
  let opened = false;
  source.onopen = () => {
    tell("connected", true);
    if (opened) tell("lost");
    opened = true;
  };
  source.onerror = () => tell("connected", false);
  for (const name of EVENTS) {
    source.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
  }
  tell("lost"); // whatever was missed while nobody listened
}
