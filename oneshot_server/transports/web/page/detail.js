// Everything about the selected sound, and what can be made of it.

import { ask, fileUrl, get, pictureUrl, post } from "./api.js";
import { context, decoded } from "./audio.js";
import { on, tell } from "./bus.js";
import { dragOut } from "./cell.js";
import { byId, h, icon, toast } from "./dom.js";
import { drawFamily } from "./family.js";
import { kindName, shortSeconds, stem, title, tone } from "./kinds.js";
import { begin } from "./prompt.js";
import { ends, listenTo, selected, setEnd, star, update } from "./selection.js";

export function startDetail(source) {
  on("selected", (sound) => show(sound));
  on("reselected", (sound) => {
    showFacts(sound);
    showStars(sound);
    showTags(sound);
  });
  on("ends", () => showEnds());
  on("playing", ({ sound, seconds }) => sweep(sound, seconds));
  byId("vary").addEventListener("click", vary);
  byId("again").addEventListener("click", again);
  byId("keep-attack").addEventListener("click", () => inpaint("attack"));
  byId("keep-tail").addEventListener("click", () => inpaint("tail"));
  byId("alike").addEventListener("click", () => selected && source.alikeTo(selected));
  byId("between").addEventListener("click", between);
  byId("end-a").addEventListener("click", () => putEnd("a"));
  byId("end-b").addEventListener("click", () => putEnd("b"));
  byId("close-detail").addEventListener("click", () => document.body.classList.remove("detailed"));
  byId("detail-wave").addEventListener("click", () => selected && listenTo(selected));
  byId("drag").addEventListener("dragstart", (event) => selected && dragOut(event, selected));
  byId("tag-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const tag = byId("new-tag").value.trim();
    byId("new-tag").value = "";
    if (tag && selected) setTags([...selected.tags, tag]);
  });
  for (const name of ["strength", "between-t"]) {
    const slider = byId(name);
    const shown = byId(`${name}-value`);
    const write = () => (shown.textContent = Number(slider.value).toFixed(2));
    slider.addEventListener("input", write);
    write();
  }
  makeStars();
  showEnds();
}

/** Variations of the selected sound. */
export async function vary() {
  if (!selected) return;
  const strength = Number(byId("strength").value);
  const body = { path: selected.path, strength, count: Number(byId("count").value) || 1 };
  await begin("vary", body, `vary ${title(selected)}`);
}

async function inpaint(keep) {
  if (!selected) return;
  await begin("inpaint", { path: selected.path, keep }, `${title(selected)}, its ${keep} kept`);
}

/** The same recipe with another seed. */
export async function again() {
  if (!selected) return;
  const recipe = await get(`sounds/${selected.number}/recipe`).catch(() => ({}));
  if (!recipe.prompt) {
    toast("This sound came from elsewhere and has no recipe; vary it instead");
    return;
  }
  await begin("generate", recipeToRequest(recipe), `${recipe.prompt}, a new seed`);
}

/** What to ask for to have a recipe again, without its seed. */
function recipeToRequest(recipe) {
  const body = { prompt: recipe.prompt, steps: recipe.steps, guidance: recipe.guidance };
  body.sampler = recipe.sampler;
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
  return body;
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

function putEnd(name) {
  if (!selected) return;
  if (ends[name]?.number === selected.number) setEnd(name, null);
  else setEnd(name, selected);
}

function show(sound) {
  document.body.classList.add("detailed");
  byId("detail").scrollTop = 0;
  byId("detail").style.setProperty("--tone", tone(sound.kind));
  byId("detail-spectrogram").style.setProperty("--picture", `url("${pictureUrl(sound)}")`);
  byId("drag").href = fileUrl(sound);
  byId("drag").download = `${stem(sound.path)}.${sound.path.split(".").pop()}`;
  showFacts(sound);
  showStars(sound);
  showTags(sound);
  decoded(sound).then(
    (buffer) => selected?.number === sound.number && drawWave(buffer),
    () => {},
  );
  showFamily(sound);
}

function showFacts(sound) {
  byId("detail-title").textContent = title(sound);
  byId("detail-path").textContent = sound.path;
  const facts = [
    [kindName(sound.kind), "kind"],
    [sound.key || "–", "key"],
    [shortSeconds(sound.seconds), "length"],
    [`${sound.level_db.toFixed(1)} dB`, "level"],
    [`${(sound.brightness_hz / 1000).toFixed(1)} kHz`, "brightness"],
    [sound.seed === null ? "–" : String(sound.seed), "seed"],
  ];
  byId("facts").replaceChildren(
    ...facts.map(([value, name]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function makeStars() {
  const box = byId("detail-stars");
  for (let stars = 1; stars <= 5; stars += 1) {
    box.append(
      h(
        "button",
        {
          type: "button",
          "aria-label": `${stars} ${stars === 1 ? "star" : "stars"}`,
          "aria-pressed": "false",
          onclick: () => star(stars).catch((problem) => toast(problem.message, true)),
        },
        "★",
      ),
    );
  }
}

function showStars(sound) {
  [...byId("detail-stars").children].forEach((button, place) =>
    button.setAttribute("aria-pressed", place < sound.stars),
  );
}

function showTags(sound) {
  byId("tags").replaceChildren(
    ...sound.tags.map((tag) =>
      h(
        "span",
        { class: "tag" },
        tag,
        h(
          "button",
          {
            type: "button",
            "aria-label": `take the tag ${tag} away`,
            onclick: () => setTags(sound.tags.filter((one) => one !== tag)),
          },
          icon("close"),
        ),
      ),
    ),
  );
}

async function setTags(tags) {
  try {
    update(await post(`sounds/${selected.number}/tags`, { tags: tags.join(";") }));
    tell("tagged");
  } catch (problem) {
    toast(problem.message, true);
  }
}

async function showFamily(sound) {
  const family = await get(`sounds/${sound.number}/family`).catch(() => null);
  if (selected?.number !== sound.number) return;
  drawFamily(byId("family"), family, sound);
}

/** The waveform as sharp as the screen is. */
function drawWave(buffer) {
  const canvas = byId("detail-wave-canvas");
  const scale = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = canvas.clientHeight * scale;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = getComputedStyle(byId("detail")).getPropertyValue("--tone");
  const samples = buffer.getChannelData(0);
  const middle = canvas.height / 2;
  const per = samples.length / canvas.width;
  for (let x = 0; x < canvas.width; x += 1) {
    let low = 0;
    let high = 0;
    for (let i = Math.floor(x * per); i < (x + 1) * per; i += 1) {
      const sample = samples[i] ?? 0;
      if (sample < low) low = sample;
      if (sample > high) high = sample;
    }
    const top = middle - high * middle * 0.95;
    pen.fillRect(x, top, 1, Math.max(scale, (high - low) * middle * 0.95));
  }
}

function sweep(sound, seconds) {
  const box = byId("detail-wave");
  box.classList.remove("playing");
  if (sound?.number !== selected?.number) return;
  // What the card says is in the air takes the output's latency to be heard.
  box.style.setProperty("--seconds", `${seconds}s`);
  box.style.setProperty("--delay", `${context.outputLatency || 0}s`);
  box.offsetWidth; // the animation begins anew
  box.classList.add("playing");
}

function showEnds() {
  for (const name of ["a", "b"]) {
    const button = byId(`end-${name}`);
    const sound = ends[name];
    button.classList.toggle("set", sound !== null);
    button.querySelector(".end-name").textContent = sound ? title(sound) : "put here";
    button.style.setProperty("--tone", sound ? tone(sound.kind) : "transparent");
    button.setAttribute(
      "aria-label",
      sound ? `end ${name.toUpperCase()}: ${title(sound)}` : `put the sound at end ${name.toUpperCase()}`,
    );
  }
  byId("between").disabled = !(ends.a && ends.b);
}

const PLAIN_PAD = {
  negative: "", lora: "", steps: 0, guidance: 0, seconds: 0, tune: 0, level: 0, seed_policy: "new",
};

/** The recipe of the selected sound on a pad; of a sound that has none, its kind. */
export async function toPad(number) {
  if (!selected) return;
  const name = kindName(selected.kind);
  const recipe = await get(`sounds/${selected.number}/recipe`).catch(() => ({}));
  const { sampler, ...keys } = recipe.prompt ? recipeToRequest(recipe) : { prompt: name };
  const body = { ...PLAIN_PAD, ...keys, pad: number, name };
  // What was made from other sounds is another sound without them.
  if (recipe.prompt && !recipe.reshape) Object.assign(body, { seed: recipe.seed, seed_policy: "fixed" });
  if (await ask("pad/set", body)) tell("pad-set", number);
}
