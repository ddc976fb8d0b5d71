// Everything about the selected sound.

import { audioUrl, fileUrl, get, post, said } from "./api.js";
import { context, decoded } from "./audio.js";
import { on, tell } from "./bus.js";
import { dragOut, stopSweep, sweep } from "./cell.js";
import { byId, h, icon, settled } from "./dom.js";
import { drawFamily } from "./family.js";
import { isKnown, known } from "./fresh.js";
import { decibels, kindName, shortSeconds, stem, title, tone } from "./kinds.js";
import { again, between, inpaint, vary } from "./making.js";
import { picture } from "./pictures.js";
import { ends, listenTo, selected, setEnd, star, update } from "./selection.js";

const FAMILY_MS = 150; // whoever walks through the sounds does not ask for each one's family

let wave = { look: "", buffer: null }; // what is drawn large

const familySoon = settled(FAMILY_MS, () => selected && showFamily(selected));

export function startDetail(source) {
  on("selected", (sound) => show(sound));
  on("reselected", (sound) => {
    showFile(sound);
    showWave(sound);
    showFacts(sound);
    showStars(sound);
    showTags(sound);
  });
  on("known", ({ sound }) => selected?.number === sound.number && familySoon());
  on("ends", () => showEnds());
  on("playing", ({ sound, seconds }) => follow(sound, seconds));
  byId("vary").addEventListener("click", vary);
  byId("again").addEventListener("click", again);
  byId("keep-attack").addEventListener("click", () => inpaint("attack"));
  byId("keep-tail").addEventListener("click", () => inpaint("tail"));
  byId("alike").addEventListener("click", () => alike(source));
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
  new ResizeObserver(drawWave).observe(byId("detail-wave-canvas"));
  makeStars();
  showEnds();
}

/** List what is most like the selected sound. */
export async function alike(source) {
  const real = selected && (await said(known(selected)));
  if (real) source.alikeTo(real);
}

function putEnd(name) {
  if (!selected) return;
  if (ends[name]?.number === selected.number) setEnd(name, null);
  else setEnd(name, selected);
}

function show(sound) {
  document.body.classList.add("detailed");
  byId("detail").scrollTop = 0;
  showFile(sound);
  showFacts(sound);
  showStars(sound);
  showTags(sound);
  showWave(sound);
  drawFamily(byId("family"), null, sound);
  familySoon();
}

function showFile(sound) {
  byId("detail").style.setProperty("--tone", tone(sound.kind));
  byId("drag").href = fileUrl(sound);
  byId("drag").download = `${stem(sound.path)}.${sound.path.split(".").pop()}`;
  picture(byId("detail-spectrogram"), sound);
}

function showFacts(sound) {
  byId("detail-title").textContent = title(sound);
  byId("detail-path").textContent = sound.path;
  const level = sound.level_db === null ? "–" : decibels(sound.level_db);
  const bright = sound.brightness_hz === null ? "–" : `${(sound.brightness_hz / 1000).toFixed(1)} kHz`;
  const facts = [
    [kindName(sound.kind), "kind"],
    [sound.key || "–", "key"],
    [shortSeconds(sound.seconds), "length"],
    [level, "level"],
    [bright, "brightness"],
    [sound.seed === null ? "–" : String(sound.seed), "seed"],
  ];
  byId("facts").replaceChildren(
    ...facts.map(([value, name]) => h("div", {}, h("dt", {}, name), h("dd", { title: value }, value))),
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
          onclick: () => star(stars),
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
  const real = await said(known(selected));
  if (!real) return;
  const marked = await said(post(`sounds/${real.number}/tags`, { tags: tags.join(";") }));
  if (marked) update([marked]);
  if (marked) tell("tagged");
}

async function showFamily(sound) {
  if (!isKnown(sound)) return;
  const family = await said(get(`sounds/${sound.number}/family`));
  if (selected?.number !== sound.number) return;
  drawFamily(byId("family"), family, sound);
}

async function showWave(sound) {
  const look = `${audioUrl(sound)} ${sound.kind}`;
  if (wave.look === look) return;
  wave = { look, buffer: wave.buffer };
  const buffer = await decoded(sound).catch(() => null); // who plays it says why
  if (wave.look !== look) return;
  wave = { look: buffer ? look : "", buffer };
  drawWave();
}

/** The waveform as sharp as the screen is. */
function drawWave() {
  const canvas = byId("detail-wave-canvas");
  const scale = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * scale;
  canvas.height = canvas.clientHeight * scale;
  if (!wave.buffer || !canvas.width) return;
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(byId("detail")).getPropertyValue("--tone");
  const { length, numberOfChannels } = wave.buffer;
  const channels = Array.from({ length: numberOfChannels }, (_, n) => wave.buffer.getChannelData(n));
  const middle = canvas.height / 2;
  const peak = (samples) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-4);
  const loudest = Math.max(...channels.map(peak));
  const tall = (middle * 0.95) / loudest;
  const per = length / canvas.width;
  for (let x = 0; x < canvas.width; x += 1) {
    let low = 0;
    let high = 0;
    for (const samples of channels) {
      for (let i = Math.floor(x * per); i < (x + 1) * per; i += 1) {
        const sample = samples[i] ?? 0;
        if (sample < low) low = sample;
        if (sample > high) high = sample;
      }
    }
    pen.fillRect(x, middle - high * tall, 1, Math.max(scale, (high - low) * tall));
  }
}

function follow(sound, seconds) {
  const line = byId("detail-sweep");
  // What the card says is in the air takes the output's latency to be heard.
  if (sound && sound.path === selected?.path) sweep(line, seconds, context.outputLatency || 0);
  else stopSweep(line);
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
