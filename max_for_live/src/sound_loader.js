// Puts a sound where the producer plays it, by the best way that this Live has.

const READ_BACK_MS = 2000;
const ONE_SHOT = 1;
const LONGEST_NAME = 28;

/**
 * Loads sounds: `replace_sample` of the Simpler before this device (Live 12.4), else `create_audio_clip` for an empty slot
 * (Live 12.0.5), else the producer drags.
 *
 * The status line says which it was.
 */
class SoundLoader {
  constructor({ live_set, clock, status }) {
    this.live_set = live_set;
    this.clock = clock;
    this.status = status;
    this.awaited = null;
  }

  /** Where a sound would go: `{way, object, name}`, the way being simpler, slot or drag. */
  find() {
    const simpler = this.live_set.simpler_before();
    if (simpler !== null && this.live_set.has_function(simpler, "replace_sample")) {
      return { way: "simpler", object: simpler, name: this.live_set.name(simpler) };
    }
    const slot = this.live_set.empty_slot();
    if (slot !== null && this.live_set.has_function(slot, "create_audio_clip")) return { way: "slot", object: slot, name: "" };
    return { way: "drag", object: simpler, name: "" };
  }

  /** The way in words. */
  get target() {
    const { way, object, name } = this.find();
    if (way === "simpler") return `Load → Simpler “${cut(name, LONGEST_NAME)}”`;
    if (way === "slot") return "Load → an empty clip slot";
    if (object !== null) return "Drag it from the browser onto the Simpler";
    return "No Simpler before this device: drag the sound";
  }

  /** Load a sound. Of itself, as each sound comes, only into a Simpler: clips would litter the set. */
  load(path, { of_itself }) {
    const target = this.find();
    const file = posix_path(path);
    if (target.way === "simpler") {
      this.load_simpler(target, file);
    } else if (!of_itself && target.way === "slot") {
      this.load_slot(target, file);
    } else {
      this.status.say(this.target);
    }
  }

  /** Read back what Live takes its time to load. */
  tick() {
    if (this.awaited === null) return;
    const { awaited } = this;
    const { target, file, was_empty, until } = awaited;
    this.awaited = null; // whatever Live throws now, it is not asked again
    const loaded = same_file(this.live_set.sample_path(target.object), file);
    if (loaded) {
      if (was_empty) target.object.set("playback_mode", ONE_SHOT); // the producer had no mode there to keep
      this.status.say(`Loaded into Simpler “${target.name}”`);
    } else if (this.clock() >= until) {
      this.status.fail("Live did not take the sound: drag it from Live's browser");
    } else {
      this.awaited = awaited;
    }
  }

  load_simpler(target, file) {
    const was_empty = this.live_set.sample_path(target.object) === "";
    target.object.call("replace_sample", file);
    this.awaited = { target, file, was_empty, until: this.clock() + READ_BACK_MS };
    this.tick();
  }

  load_slot(target, file) {
    target.object.call("create_audio_clip", file);
    if (this.live_set.is_empty(target.object)) this.status.fail("Live made no clip of it: drag the sound from Live's browser");
    else this.status.say("Loaded into a clip slot");
  }
}
