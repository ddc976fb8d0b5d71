// A Live set as the Live API shows it: objects with ids, properties, functions and children.
"use strict";

/** One object; `functions` are what this Live has. */
class LiveObject {
  constructor(type, { properties = {}, functions = {} } = {}) {
    this.type = type;
    this.properties = properties;
    this.functions = functions;
    this.children = new Map();
    this.parent = null;
    this.id = 0;
  }
}

/**
 * `set.LiveAPI` is the class that Max gives to scripts. Answers are lists, and references are `id N`, as in Max.
 *
 * `this_device` is on a track of its own until it is moved.
 */
class LiveSetStub {
  constructor() {
    this.objects = new Map();
    this.song = this.object("Song");
    this.view = this.object("Song.View");
    this.put(this.song, "view", this.view);
    this.this_device = this.device("MxDeviceAudioEffect", "Oneshot");
    this.track = this.new_track({ audio: false });
    this.put(this.track, "devices", this.this_device);
    const set = this;
    this.LiveAPI = class LiveAPI {
      constructor(where) {
        this.object = set.resolve(String(where));
      }

      get id() {
        return String(this.object?.id ?? 0);
      }

      get type() {
        return this.object?.type ?? "";
      }

      get info() {
        if (this.object === null) return "No object";
        const functions = Object.keys(this.object.functions).map((name) => `function ${name}`);
        return [`id ${this.id}`, `type ${this.type}`, ...functions, "done"].join("\n");
      }

      get(name) {
        if (this.object === null) return [0];
        if (name === "canonical_parent") return reference(this.object.parent);
        if (this.object.children.has(name)) return this.object.children.get(name).flatMap(reference);
        const value = this.object.properties[name];
        return value === undefined ? ["id", 0] : [value];
      }

      set(name, value) {
        this.object.properties[name] = value;
      }

      call(name, ...values) {
        return this.object.functions[name](...values);
      }
    };
  }

  object(type, more) {
    const made = new LiveObject(type, more);
    made.id = this.objects.size + 1;
    this.objects.set(made.id, made);
    return made;
  }

  put(parent, name, ...children) {
    parent.children.set(name, [...(parent.children.get(name) ?? []), ...children]);
    for (const child of children) child.parent ??= parent;
  }

  new_track({ audio }) {
    const track = this.object("Track", { properties: { has_audio_input: audio ? 1 : 0 } });
    this.put(this.song, "tracks", track);
    return track;
  }

  device(class_name, name, properties = {}) {
    return this.object("Device", { properties: { class_name, name, can_have_chains: 0, can_have_drum_pads: 0, ...properties } });
  }

  /** A Simpler; `version` of Live says whether it can be loaded. `slow` Live loads when `finish` is called. */
  simpler(name, { version = 12.4, sample = "", slow = false } = {}) {
    const simpler = this.device("OriginalSimpler", name, { playback_mode: 0 });
    simpler.loads = [];
    const load = (file) => {
      simpler.children.delete("sample");
      this.put(simpler, "sample", this.object("Sample", { properties: { file_path: file } }));
    };
    simpler.finish = () => load(simpler.loads.at(-1));
    if (sample !== "") load(sample);
    if (version >= 12.4) {
      simpler.functions.replace_sample = (file) => {
        simpler.loads.push(file);
        if (!slow) load(file);
      };
    }
    return simpler;
  }

  /** A drum rack with a Simpler on each of these pads; the first pad is selected. */
  drum_rack(name, simplers) {
    const rack = this.device("DrumGroupDevice", name, { can_have_chains: 1, can_have_drum_pads: 1 });
    const view = this.object("RackDevice.View");
    this.put(rack, "view", view);
    for (const simpler of simplers) {
      const pad = this.object("DrumPad");
      const chain = this.object("DrumChain");
      this.put(rack, "chains", chain);
      this.put(pad, "chains", chain);
      this.put(chain, "devices", simpler);
      this.put(rack, "drum_pads", pad);
    }
    view.children.set("selected_drum_pad", [rack.children.get("drum_pads")[0]]);
    return rack;
  }

  select_pad(rack, number) {
    const [view] = rack.children.get("view");
    view.children.set("selected_drum_pad", [rack.children.get("drum_pads")[number]]);
  }

  slot(track, { version = 12.4, full = false } = {}) {
    const slot = this.object("ClipSlot", { properties: { has_clip: full ? 1 : 0 } });
    slot.clips = [];
    if (version >= 12.0) {
      slot.functions.create_audio_clip = (file) => {
        slot.clips.push(file);
        slot.properties.has_clip = 1;
      };
    }
    this.put(track, "clip_slots", slot);
    return slot;
  }

  highlight(slot) {
    this.view.children.set("highlighted_clip_slot", [slot]);
  }

  /** Move this device behind others, on a track or a chain. */
  place_after(parent, ...devices) {
    for (const [name, children] of this.this_device.parent.children) {
      this.this_device.parent.children.set(name, children.filter((child) => child !== this.this_device));
    }
    this.this_device.parent = parent;
    this.put(parent, "devices", ...devices, this.this_device);
  }

  resolve(where) {
    if (/^id \d+$/.test(where)) return this.objects.get(Number(where.slice(3))) ?? null;
    const words = where.split(" ");
    const roots = { this_device: this.this_device, live_set: this.song };
    let object = roots[words.shift()] ?? null;
    for (const word of words) {
      if (object === null) return null;
      object = word === "canonical_parent" ? object.parent : object.children.get(word)?.[0] ?? null;
    }
    return object;
  }
}

function reference(object) {
  return ["id", object?.id ?? 0];
}

module.exports = { LiveSetStub };
