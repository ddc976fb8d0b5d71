// A map that forgets its oldest entries: a page stays open for weeks.

export class Recent extends Map {
  #most;

  constructor(most) {
    super();
    this.#most = most;
  }

  set(key, value) {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#most) this.delete(this.keys().next().value);
    return this;
  }
}
