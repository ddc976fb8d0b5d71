// The daemon, by HTTP and by its events.

import { tell } from "./bus.js";
import { toast } from "./dom.js";

const AGAIN_MS = 3000; // where the browser itself does not try again
const SILENT = "The daemon does not answer. Is oneshot serve still running?";

/** Why the daemon refused; the text is for people. */
class Refusal extends Error {
  constructor(status, { code = "", text = `The daemon answered with an error (HTTP ${status})` } = {}) {
    super(text);
    this.code = code;
    this.status = status;
  }
}

/** Send a request; what goes wrong is an error whose text can be shown. */
async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refusal(0, { code: "no_answer", text: SILENT });
  }
  if (response.ok) return response;
  const json = (response.headers.get("content-type") ?? "").startsWith("application/json");
  throw new Refusal(response.status, (json && (await response.json().catch(() => null))) || {});
}

async function read(response) {
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refusal(0, { code: "no_answer", text: SILENT });
  }
}

/** Ask for something; values that are empty are left out. */
export async function get(path, query = {}, options = {}) {
  const said = Object.entries(query).filter(([, value]) => value !== "" && value !== null);
  const tail = said.length ? `?${new URLSearchParams(said)}` : "";
  return read(await send(`/api/${path}${tail}`, options));
}

/** Have something done. */
export async function post(path, body = {}) {
  return read(
    await send(`/api/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
}

/** Send a file. */
export async function put(path, file) {
  return read(
    await send(`/api/${path}`, {
      method: "PUT",
      headers: { "Content-Type": "application/octet-stream" },
      body: file,
    }),
  );
}

/** The bytes of a sound: one that is waited for goes before those that are fetched ahead. */
export async function bytesOf(url, priority) {
  return (await send(url, { priority })).arrayBuffer();
}

/** What a promise gives; if it fails that is said, and the answer is null. */
export async function said(promise) {
  try {
    return await promise;
  } catch (problem) {
    toast(problem.message, true);
    return null;
  }
}

/** Have something done, and say so if it was refused; null then. */
export const ask = (path, body = {}) => said(post(path, body).then((answer) => answer ?? {}));

/** Where a sound of a job is that was published a moment ago. */
export const publishedUrl = (job, index) => `/api/published/${encodeURIComponent(job)}/${index}`;
/** Where a sound's file is; of one that the library does not know yet, where it was published. */
export const fileUrl = (sound) =>
  sound.url ?? `/api/sounds/${sound.number}/file?v=${version(sound)}`;
/** Where a sound can be heard: browsers know no AIFF, and get it as a WAV. */
export const audioUrl = (sound) =>
  /\.aif[fc]?$/i.test(sound.path)
    ? `/api/sounds/${sound.number}/audio?v=${version(sound)}`
    : fileUrl(sound);
export const pictureUrl = (sound) =>
  sound.url?.replace(/\?|$/, (tail) => `/picture${tail}`) ??
  `/api/sounds/${sound.number}/picture?v=${version(sound)}`;

const version = (sound) => sound.content.slice(0, 12);

const EVENTS = [
  "accepted", "progress", "notice", "sample", "better", "training", "lora", "done", "failed", "cancelled",
  "library", "status", "pads", "lost",
];

let source = null;
let again = 0;
let unseen = false; // whether a hidden page listens, too

/** Listen to the daemon while the page is seen: a hidden one holds no connection. */
export function listen() {
  document.addEventListener("visibilitychange", follow);
  follow();
}

/** Whether to go on listening behind the window of a DAW, for what is to be heard. */
export function listenUnseen(wanted) {
  unseen = wanted;
}

function follow() {
  if (document.hidden && !unseen) {
    clearTimeout(again);
    source?.close();
    source = null;
  } else if (!source) {
    connect();
  }
}

function connect() {
  const stream = new EventSource("/api/events");
  source = stream;
  let behind = false; // whether something was missed since all was asked for
  stream.onopen = () => {
    tell("connected", true);
    if (behind) tell("lost");
    behind = false;
  };
  stream.onerror = () => {
    behind = true;
    tell("connected", false);
    // The browser tries again by itself unless it was answered with an error.
    if (stream.readyState !== EventSource.CLOSED || source !== stream) return;
    clearTimeout(again);
    again = setTimeout(() => source === stream && connect(), AGAIN_MS);
  };
  for (const name of EVENTS) {
    stream.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
  }
  tell("lost"); // whatever was missed while nobody listened
}
