// Fingers, wheel and keys on the map.

const STILL = 4; // pixels that a click may wander

/** Let a map be moved, zoomed, clicked and drawn on. */
export function followGestures(map) {
  let down = null;
  const fingers = new Map();
  const here = (event) => {
    const box = map.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  map.canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    map.canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, here(event));
    if (down && fingers.size > 1) {
      down.moved = true; // two fingers mean no sound, and draw nothing
      down.walk = false;
      return;
    }
    down = { from: here(event), view: { ...map.view }, moved: false };
    if (map.walking || event.shiftKey) {
      down.walk = true;
      map.drawn = [map.toMap(...down.from)];
    }
  });
  map.canvas.addEventListener("pointermove", (event) => {
    const at = here(event);
    if (!down) {
      map.hover(at);
      return;
    }
    const before = fingers.get(event.pointerId);
    if (!before) return; // a mouse that passes while a finger is down
    fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
      const [other] = [...fingers.entries()].filter(([id]) => id !== event.pointerId);
      const grown = Math.hypot(at[0] - other[1][0], at[1] - other[1][1]) /
        (Math.hypot(before[0] - other[1][0], before[1] - other[1][1]) || 1);
      map.zoom(other[1], grown);
      return;
    }
    const [dx, dy] = [at[0] - down.from[0], at[1] - down.from[1]];
    if (Math.hypot(dx, dy) > STILL) down.moved = true;
    if (down.walk) {
      map.drawn.push(map.toMap(...at));
      map.hover(at);
    } else if (down.moved) {
      map.view.x = down.view.x - dx / map.width / map.view.scale;
      map.view.y = down.view.y - dy / map.height / map.view.scale;
    }
    map.draw();
  });
  map.canvas.addEventListener("pointerleave", () => map.leave());
  const up = (event) => {
    fingers.delete(event.pointerId);
    if (!down) return;
    const { walk, moved } = down;
    if (fingers.size) {
      // The finger that stays goes on from where it is.
      const [from] = fingers.values();
      down = { from, view: { ...map.view }, moved: true };
      return;
    }
    down = null;
    if (event.type === "pointercancel") return;
    if (walk && moved) map.walked();
    else if (!moved) map.click(here(event));
  };
  map.canvas.addEventListener("pointerup", up);
  map.canvas.addEventListener("pointercancel", up);
  map.canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      map.zoom(here(event), Math.exp(-event.deltaY / 400));
    },
    { passive: false },
  );
  map.canvas.addEventListener("keydown", (event) => key(map, event));
}

function key(map, event) {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key === "+" || event.key === "-") {
    map.zoom([map.width / 2, map.height / 2], event.key === "+" ? 1.25 : 0.8);
  } else if (event.key in steps) {
    event.preventDefault();
    map.step(...steps[event.key]);
  }
}
