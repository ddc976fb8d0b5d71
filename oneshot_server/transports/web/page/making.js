// What can be made of the selected sound.

import { ask, get, said } from "./api.js";
import { tell } from "./bus.js";
import { byId, toast } from "./dom.js";
import { known } from "./fresh.js";
import { kindName, title } from "./kinds.js";
import { begin } from "./prompt.js";
import { ends, selected } from "./selection.js";

const FILES = { vary: ["path"], inpaint: ["path"], morph: ["path_a", "path_b"] };
const KEYS = { vary: ["strength"], inpaint: ["keep", "split"], morph: ["t"] };
const PLAIN_PAD = {
  negative: "", lora: "", steps: 0, guidance: 0, quality: "quick", seconds: 0, tune: 0, level: 0, width: -1,
  seed_policy: "new",
};

/** Variations of the selected sound. */
export async function vary() {
  if (!selected) return;
  const strength = Number(byId("strength").value);
  const body = { path: selected.path, strength, count: Number(byId("count").value) || 1 };
  await begin("vary", body, `vary ${title(selected)}`);
}

/** Keep its attack or its tail, and make the rest anew. */
export async function inpaint(keep) {
  if (!selected) return;
  await begin("inpaint", { path: selected.path, keep }, `${title(selected)}, its ${keep} kept`);
}

/** A sound between the two ends. */
export async function between() {
  if (!ends.a || !ends.b) {
    toast("Choose both ends first: A and B");
    return;
  }
  const t = Number(byId("between-t").value);
  const label = `between ${title(ends.a)} and ${title(ends.b)}`;
  await begin("morph", { path_a: ends.a.path, path_b: ends.b.path, t }, label);
}

/** The same recipe with another seed; what was made from other sounds is made from them again. */
export async function again() {
  const found = selected && (await recipeOf(selected));
  if (!found) return;
  const { sound, recipe } = found;
  if (!recipe.prompt && !recipe.reshape) {
    toast("This sound came from elsewhere and has no recipe; vary it instead");
    return;
  }
  const label = `${title(sound)}, a new seed`;
  const body = recipeToRequest(recipe);
  if (!recipe.reshape) {
    await begin("generate", body, label);
    return;
  }
  const from = await said(reshapeToRequest(sound, recipe.reshape));
  if (from) await begin(recipe.reshape.kind, { ...body, ...from }, label);
}

/** The recipe of the selected sound on a pad; of a sound that has none, its kind. */
export async function toPad(number) {
  const found = selected && (await recipeOf(selected));
  if (!found) return;
  const { sound, recipe } = found;
  const name = kindName(sound.kind);
  const { sampler, ...keys } = recipe.prompt ? recipeToRequest(recipe) : { prompt: name };
  const body = { ...PLAIN_PAD, ...keys, pad: number, name };
  // What was made from other sounds is another sound without them.
  if (recipe.prompt && !recipe.reshape) Object.assign(body, { seed: recipe.seed, seed_policy: "fixed" });
  if (!(await ask("pad/set", body))) return;
  tell("pad-set", number);
  if (recipe.reshape) toast("The pad has its prompt: what it was made from cannot be on a pad");
}

/** A sound as the library knows it, and its recipe, empty if it has none; null if that is unknown. */
async function recipeOf(one) {
  const sound = await said(known(one));
  const recipe = sound && (await said(get(`sounds/${sound.number}/recipe`)));
  return recipe && { sound, recipe };
}

/** What to ask for to have a recipe again, without its seed. */
function recipeToRequest(recipe) {
  const { steps, guidance, sampler } = recipe;
  // The model's few steps are what it does by itself; its many would make nothing of so few.
  const body = sampler === "distilled" ? {} : { steps, guidance, sampler };
  if (recipe.prompt) body.prompt = recipe.prompt;
  if (recipe.negative) body.negative = recipe.negative;
  const loras = recipe.loras ?? [];
  if (loras.length) {
    body.lora = loras
      .map(({ name, version, weight }) => `${name}${version ? `@${version}` : ""}:${weight}`)
      .join(",");
  }
  const finish = recipe.finish ?? {};
  if (finish.max_seconds) body.seconds = finish.max_seconds;
  if (finish.tune) body.tune = finish.tune;
  if (finish.gain_db) body.level = finish.gain_db;
  body.width = finish.width ?? 0;
  return body;
}

/** The files that a sound was made from, where they are now, and how; they are known by their audio. */
async function reshapeToRequest(sound, reshape) {
  const { sounds } = await get(`sounds/${sound.number}/family`);
  const body = {};
  FILES[reshape.kind].forEach((argument, place) => {
    const { name, sha256 } = reshape.parents[place];
    const parent = sounds.find((one) => one.content === sha256);
    if (!parent) throw new Error(`It was made from ${name}, which the library does not have any more`);
    body[argument] = parent.path;
  });
  for (const key of KEYS[reshape.kind]) body[key] = reshape[key];
  return body;
}
