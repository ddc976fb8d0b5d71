// The newest sounds, and the one of them that is shown.

const MOST_SOUNDS = 200;
const LONGEST_STEM = 30;

class Sounds {
  constructor() {
    this.sounds = []; // the oldest first
    this.shown = null;
  }

  /** A sound is in the samples folder; returns it as it is kept here. */
  add(sound) {
    const known = this.sounds.find((one) => one.path === sound.path);
    if (known !== undefined) return Object.assign(known, sound);
    this.sounds.push(sound);
    if (this.sounds.length > MOST_SOUNDS) {
      this.sounds.splice(this.sounds[0] === this.shown ? 1 : 0, 1);
    }
    return sound;
  }

  /** Sounds of before this device was there; `paths` from the newest to the oldest. */
  add_older(paths) {
    const older = paths.filter((path) => !this.sounds.some((one) => one.path === path)).map((path) => ({ path }));
    this.sounds.unshift(...older.reverse());
  }

  /** Show a sound. */
  show(sound) {
    this.shown = sound;
  }

  /** The sound so many steps from the shown one; `null` at the end. */
  beside(steps) {
    const index = this.shown === null ? this.sounds.length : this.sounds.indexOf(this.shown);
    return this.sounds[index + steps] ?? null;
  }

  /** `2/14 punchy_kick_7 · 0.41 s`: its place among the newest, its file, its length. */
  get line() {
    if (this.shown === null) return "No sound yet";
    const { path, seconds } = this.shown;
    const place = `${this.sounds.length - this.sounds.indexOf(this.shown)}/${this.sounds.length}`;
    const name = cut_middle(file_name(path).replace(/\.wav$/i, ""), LONGEST_STEM);
    return `${place} ${name}${seconds === undefined ? "" : ` · ${seconds.toFixed(2)} s`}`;
  }
}
