// Where in the Live set a sound can go: the Live API's objects around this device.

const SIMPLER = "OriginalSimpler";
const DEEPEST_RACK = 8;

/** The Live set as seen from this device; `LiveAPI` is Max's class. */
class LiveSet {
  constructor(LiveAPI) {
    this.LiveAPI = LiveAPI;
  }

  /**
   * The Simpler nearest before this device; `null` if there is none.
   *
   * On a drum rack's chain that is the pad's own. If a rack comes before this device, it is looked for on the drum rack's
   * selected pad, or on the rack's selected chain.
   */
  simpler_before() {
    const self = this.at("this_device");
    const devices = this.children(this.at("this_device canonical_parent"), "devices");
    const place = devices.findIndex((device) => String(device.id) === String(self.id));
    return this.last_simpler(devices.slice(0, Math.max(0, place)), 0);
  }

  /** An empty clip slot for audio: the highlighted one, else the first of this device's own track; else `null`. */
  empty_slot() {
    const highlighted = this.at("live_set view highlighted_clip_slot");
    if (this.exists(highlighted) && this.takes_audio_clips(this.child(highlighted, "canonical_parent")) && this.is_empty(highlighted)) {
      return highlighted;
    }
    const track = this.own_track();
    if (track === null || !this.takes_audio_clips(track)) return null;
    return this.children(track, "clip_slots").find((slot) => this.is_empty(slot)) ?? null;
  }

  /** Whether this Live's object has a function: they came one by one with its versions. */
  has_function(object, name) {
    return new RegExp(`^function ${name}\\b`, "m").test(String(object.info));
  }

  /** The path of a Simpler's sample as POSIX writes it; empty if it has none. */
  sample_path(simpler) {
    const sample = this.child(simpler, "sample");
    return sample === null ? "" : String(one(sample.get("file_path")) ?? "");
  }

  /** A name as the producer sees it. */
  name(object) {
    return String(one(object.get("name")) ?? "");
  }

  last_simpler(devices, depth) {
    for (const device of [...devices].reverse()) {
      if (one(device.get("class_name")) === SIMPLER) return device;
      const chain = depth < DEEPEST_RACK ? this.chain_in_hand(device) : null;
      const within = chain === null ? null : this.last_simpler(this.children(chain, "devices"), depth + 1);
      if (within !== null) return within;
    }
    return null;
  }

  chain_in_hand(device) {
    if (Number(one(device.get("can_have_drum_pads"))) === 1) {
      const pad = this.child(this.child(device, "view"), "selected_drum_pad");
      return pad === null ? null : this.children(pad, "chains")[0] ?? null;
    }
    if (Number(one(device.get("can_have_chains"))) === 1) {
      return this.child(this.child(device, "view"), "selected_chain");
    }
    return null;
  }

  own_track() {
    let object = this.at("this_device");
    for (let depth = 0; depth < 2 * DEEPEST_RACK; depth += 1) {
      object = this.child(object, "canonical_parent");
      if (object === null) return null;
      if (String(object.type) === "Track") return object;
    }
    return null;
  }

  takes_audio_clips(track) {
    return track !== null && String(track.type) === "Track" && Number(one(track.get("has_audio_input"))) === 1;
  }

  is_empty(slot) {
    return Number(one(slot.get("has_clip"))) === 0;
  }

  at(path) {
    return new this.LiveAPI(path);
  }

  exists(object) {
    return object !== null && Number(object.id) !== 0;
  }

  child(object, name) {
    if (object === null) return null;
    return this.references(object.get(name))[0] ?? null;
  }

  children(object, name) {
    return this.exists(object) ? this.references(object.get(name)) : [];
  }

  references(values) {
    // The Live API answers with id 4 id 7 …, and with id 0 for nothing.
    const ids = Array.isArray(values) ? values.filter((value, index) => index % 2 === 1 && values[index - 1] === "id") : [];
    return ids.filter((id) => Number(id) !== 0).map((id) => this.at(`id ${id}`));
  }
}

/** The Live API answers with lists, even of one. */
function one(values) {
  return Array.isArray(values) ? values[0] : values;
}
