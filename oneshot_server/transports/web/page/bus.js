// What one part of the page tells the others.

const listeners = new Map();

/** Call a function with whatever is told under a name. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
}

/** Tell everybody. */
export function tell(name, value) {
  for (const listener of listeners.get(name) ?? []) listener(value);
}
