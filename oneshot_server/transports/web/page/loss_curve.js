// The losses of a training over its steps: the single ones faint, their mean bright.

const ROOM = { left: 48, right: 14, top: 14, bottom: 26 };
const LINES = 5; // at the most
const SHARE = 0.08; // of all points are a mean's, to each side
const FONT = "11px ui-monospace, Menlo, Consolas, monospace";
const INK = { line: "#20242c", text: "#8b929d", faint: "rgb(255 180 84 / 40%)", bright: "#ffb454" };

/** Draw pairs of step and loss. */
export function drawLoss(canvas, losses) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = FONT;
  pen.fillStyle = INK.text;
  if (losses.length < 2) {
    pen.textAlign = "center";
    pen.fillText("the losses are drawn here as they come", width / 2, height / 2 + 4);
    return;
  }
  const scale = scaleOf(losses, width, height);
  drawLines(pen, scale, width);
  drawSteps(pen, losses, scale, height);
  draw(pen, losses.map(([step, loss]) => [scale.x(step), scale.y(loss)]), INK.faint, 1);
  const means = meansOf(losses.map(([, loss]) => loss));
  const curve = means.map((mean, place) => [scale.x(losses[place][0]), scale.y(mean)]);
  draw(pen, curve, INK.bright, 2);
  pen.fillStyle = INK.bright;
  pen.beginPath();
  pen.arc(...curve.at(-1), 3.5, 0, 7);
  pen.fill();
}

function scaleOf(losses, width, height) {
  const values = losses.map(([, loss]) => loss);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const unit = roundUnit((high - low || 0.1) / (LINES - 1));
  const bottom = Math.floor(low / unit) * unit;
  const top = Math.max(Math.ceil(high / unit) * unit, bottom + unit);
  const [first, last] = [losses[0][0], losses.at(-1)[0]];
  const across = width - ROOM.left - ROOM.right;
  const down = height - ROOM.top - ROOM.bottom;
  return {
    bottom, top, unit,
    x: (step) => ROOM.left + ((step - first) / (last - first || 1)) * across,
    y: (loss) => ROOM.top + ((top - loss) / (top - bottom)) * down,
  };
}

/** A distance between lines that people count in: 0.1, 0.2, 0.5 … */
function roundUnit(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * power >= least) * power;
}

function drawLines(pen, { bottom, top, unit, y }, width) {
  const digits = Math.max(0, Math.ceil(-Math.log10(unit) - 1e-9));
  pen.textAlign = "right";
  for (let line = 0; line <= Math.round((top - bottom) / unit); line += 1) {
    const value = bottom + line * unit;
    draw(pen, [[ROOM.left, y(value)], [width - ROOM.right, y(value)]], INK.line, 1);
    pen.fillText(value.toFixed(digits), ROOM.left - 8, y(value) + 4);
  }
}

function drawSteps(pen, losses, { x }, height) {
  const [first, last] = [losses[0][0], losses.at(-1)[0]];
  pen.textAlign = "left";
  pen.fillText(`step ${first.toLocaleString()}`, x(first), height - 8);
  pen.textAlign = "right";
  pen.fillText(last.toLocaleString(), x(last), height - 8);
}

/** Each value's mean with its neighbours. */
function meansOf(values) {
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1) + value);
  const reach = Math.ceil(SHARE * values.length);
  return values.map((_, place) => {
    const [first, end] = [Math.max(0, place - reach), Math.min(values.length, place + reach + 1)];
    return (sums[end] - sums[first]) / (end - first);
  });
}

function draw(pen, points, colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.beginPath();
  points.forEach(([px, py], place) => (place ? pen.lineTo(px, py) : pen.moveTo(px, py)));
  pen.stroke();
}
