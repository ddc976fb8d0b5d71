// The sound that is shown: found, heard, kept, loaded.

const STARS = 5;
const READ_MS = 1000; // a file that cannot be read is never told

/**
 * `audition(...message)` is the patch's player, `session` the daemon, `loader` puts sounds into the Live set.
 *
 * `auto_load` and `auto_play` are the toggles: whether a sound is loaded or heard as soon as it is shown.
 */
class SoundPanel {
  constructor({ ui, status, audition, session, loader, clock }) {
    this.clock = clock;
    this.ui = ui;
    this.status = status;
    this.audition = audition;
    this.session = session;
    this.loader = loader;
    this.sounds = new Sounds();
    this.auto_load = false;
    this.auto_play = true;
    this.buffer_ready = false;
    this.play_when_ready = false;
    this.reading_until = 0;
    this.next_path = null;
  }

  /** Show a sound. */
  show_sound(sound) {
    this.sounds.show(this.sounds.add(sound));
    this.buffer_ready = false;
    this.play_when_ready = this.auto_play;
    this.read(sound.path);
    this.show_kept();
    if (this.auto_load) this.load({ of_itself: true });
    else this.show_target();
  }

  /** Show the sound so many steps further. */
  step(steps) {
    const sound = this.sounds.beside(steps);
    if (sound !== null) this.show_sound(sound);
  }

  /** Play the sound that is shown, once it has been read. */
  play() {
    if (this.sounds.shown === null) return;
    if (this.buffer_ready) this.audition("play");
    else this.play_when_ready = true;
  }

  /** Have the player read a file. It says when it is through, not with which: so one after the other. */
  read(path) {
    if (this.clock() < this.reading_until) {
      this.next_path = path;
      return;
    }
    this.next_path = null;
    this.reading_until = this.clock() + READ_MS;
    this.audition("replace", path);
  }

  /** The player has read a sound. */
  loaded() {
    this.reading_until = 0;
    if (this.next_path !== null) {
      this.read(this.next_path);
      return;
    }
    this.buffer_ready = true;
    if (!this.play_when_ready) return;
    this.play_when_ready = false;
    this.audition("play");
  }

  /** Star the sound, or take the star away. */
  keep(wanted) {
    const sound = this.sounds.shown;
    if (sound === null) {
      this.show_kept();
      return;
    }
    this.session.requests.ask("star", [sound.path, wanted ? STARS : 0], {
      answered: () => {
        sound.kept = wanted;
        this.show_kept();
        return true;
      },
      failed: (_code, text) => {
        this.status.fail(text);
        this.show_kept();
      },
    });
  }

  /** Put the sound into the Live set; of itself means that nobody has pressed Load. */
  load({ of_itself }) {
    if (this.sounds.shown === null) return;
    this.with_live(() => this.loader.load(this.sounds.shown.path, { of_itself }));
    this.show_target();
  }

  tick() {
    if (this.next_path !== null && this.clock() >= this.reading_until) this.read(this.next_path);
    this.with_live(() => this.loader.tick());
  }

  show_target() {
    this.with_live(() => this.ui.show("target", "text", this.loader.target));
  }

  show_kept() {
    this.ui.set("keep", this.sounds.shown?.kept ? 1 : 0);
  }

  show() {
    const { sounds, ui } = this;
    ui.show("sound", "text", sounds.line);
    for (const name of ["audition", "load", "keep"]) ui.show(name, "active", sounds.shown === null ? 0 : 1);
    ui.show("previous", "active", sounds.beside(-1) === null ? 0 : 1);
    ui.show("next", "active", sounds.beside(1) === null ? 0 : 1);
  }

  with_live(work) {
    try {
      work();
    } catch (error) {
      this.status.fail(`Live refused it: ${error.message}`); // the set may change under our hands
    }
  }
}
