// Every kind of sound has a colour and a name; families of kinds are near each other.

const HUES = {
  kick: 28, bass: 45, tom: 58, conga: 70, perc: 84, cowbell: 98, snare: 8, clap: 352, rim: 338,
  closed_hat: 195, open_hat: 212, shaker: 180, crash: 228, ride: 240, cymbal: 220,
  bell: 150, mallet: 135, keys: 160, pluck: 118, strings: 170, pad: 255, lead: 300, stab: 285,
  brass: 105, wind: 145, vocal: 325, zap: 270, fx: 310, noise: 250,
};

const BRIGHT = 0.78;
const VIVID = 0.145;

/** The colour of a kind. */
export function tone(kind) {
  const hue = HUES[kind];
  return hue === undefined ? "oklch(0.74 0.015 260)" : `oklch(${BRIGHT} ${VIVID} ${hue})`;
}

/** The kind that a text names; empty if it names none. */
export function textToKind(text) {
  const plain = text.toLowerCase().replace(/[-_]/g, " ");
  const named = Object.keys(HUES).filter((kind) => plain.includes(kind.replace("_", " ")));
  const alike = { hat: "closed_hat", snap: "clap", "808": "bass", chord: "stab" };
  const other = Object.keys(alike).find((word) => plain.includes(word));
  return named.sort((a, b) => b.length - a.length)[0] ?? alike[other] ?? "";
}

/** The colour of whatever kind a text names. */
export const toneOf = (text) => tone(textToKind(text));

/** A kind as people say it. */
export const kindName = (kind) => (kind ? kind.replace("_", " ") : "other");

/** What a sound is called: its prompt, what the model was told, else its file. */
export const title = (sound) =>
  sound.prompt || (sound.caption || stem(sound.path)).replaceAll("_", " ");

/** A path without folders and ending. */
export const stem = (path) => path.split("/").pop().replace(/\.[^.]+$/, "");

/** A level as people read it. */
export const decibels = (level) => `${level < 0 ? "−" : ""}${Math.abs(level).toFixed(1)} dB`;

/** Seconds as people read them. */
export const shortSeconds = (seconds) =>
  seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
