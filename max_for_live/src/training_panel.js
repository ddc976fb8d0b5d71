// Training a LoRA on a folder of sounds.

const LONGEST_TRAINING = 28;

class TrainingPanel {
  constructor({ ui, status, session }) {
    this.ui = ui;
    this.status = status;
    this.session = session;
    this.datasets = new Menu(ui, "dataset");
    this.job = null;
    this.outcome = "";
  }

  /** Train on the chosen folder; stop it if that is going on. */
  click() {
    if (this.job !== null) {
      this.session.jobs.cancel(this.job);
      return;
    }
    const name = this.datasets.chosen;
    if (name === "") {
      this.status.fail("Choose a folder of sounds: put one into datasets, beside samples");
      return;
    }
    if (!this.session.connection.there) return;
    this.job = this.session.jobs.start("train", [name], name, {
      notice: (_job, _code, text) => this.status.say(text),
      lora_ready: (_job, lora, version) => {
        this.outcome = `${cut(lora, 16)} v${version} is ready`;
        this.status.say(`LoRA ${lora}, version ${version}, is ready: choose it under LoRA`);
      },
      ended: (_job, how, text) => {
        this.job = null;
        // A daemon that was started again goes on with it, and tells of it in its status.
        if (!["done", "cancelled", "not_found"].includes(how)) this.status.fail(text);
      },
    });
  }

  show() {
    const { session, ui } = this;
    ui.show("train", "active", session.connection.there ? 1 : 0);
    ui.show("train", "text", this.job === null ? "Train" : "Stop");
    ui.show("train_progress", "set", session.training?.fraction ?? 0);
    ui.show("train_status", "text", this.line);
  }

  get line() {
    const { training, engine } = this.session;
    if (training !== null) return `step ${training.step} · loss ${training.loss.toFixed(3)}`;
    return cut(engine.training || this.outcome, LONGEST_TRAINING);
  }
}
