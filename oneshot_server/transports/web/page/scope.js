// What is heard, as it is heard.

import { analyser } from "./audio.js";
import { on } from "./bus.js";
import { byId } from "./dom.js";

const samples = new Float32Array(analyser.fftSize);
const STILL = 1e-4;
const LINGER_FRAMES = 30;

export function startScope() {
  const canvas = byId("scope");
  const pen = canvas.getContext("2d");
  let frames = 0;
  let drawing = false;
  const draw = () => {
    analyser.getFloatTimeDomainData(samples);
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    pen.clearRect(0, 0, width, height);
    pen.strokeStyle = "#ffb454";
    pen.lineWidth = 1.25 * ratio;
    pen.beginPath();
    let peak = 0;
    const shown = samples.length / 2;
    for (let i = 0; i < shown; i += 4) {
      peak = Math.max(peak, Math.abs(samples[i]));
      pen.lineTo((i / shown) * width, height / 2 - samples[i] * height * 0.46);
    }
    pen.stroke();
    frames = peak > STILL ? 0 : frames + 1;
    drawing = frames < LINGER_FRAMES;
    if (drawing) requestAnimationFrame(draw);
  };
  on("playing", () => {
    frames = 0;
    if (!drawing) {
      drawing = true;
      requestAnimationFrame(draw);
    }
  });
  draw();
}
