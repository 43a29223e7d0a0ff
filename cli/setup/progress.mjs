/** What a person sees while the set-up works: a line per step, and a live last line on a terminal. */

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** Seconds as a short text: "0.4 s", "12 s", "1 min 05 s". */
export function seconds(milliseconds) {
  const s = milliseconds / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.round(s)} s`;
  const whole = Math.round(s);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** Prints starts and ends of steps; on a terminal also a spinner with what is going on. */
export class Progress {
  #stream;
  #live;
  #running = new Map();
  #timer = null;
  #frame = 0;

  /** @param {NodeJS.WriteStream} stream */
  constructor(stream = process.stderr) {
    this.#stream = stream;
    this.#live = Boolean(stream.isTTY) && !process.env.CI;
  }

  start(title, expectation) {
    this.#running.set(title, { since: Date.now(), detail: "" });
    this.line(`set-up: ${title}${expectation ? ` (${expectation})` : ""} …`);
    if (this.#live && !this.#timer) {
      this.#timer = setInterval(() => this.#draw(), 100);
      this.#timer.unref();
    }
  }

  /** What a running step does now ("120 of 262 MB"); shown on terminals only. */
  detail(title, text) {
    const step = this.#running.get(title);
    if (step) step.detail = text.trim().slice(0, 60);
  }

  done(title) {
    const step = this.#running.get(title);
    this.#running.delete(title);
    if (step) this.line(`set-up: ${title}: done in ${seconds(Date.now() - step.since)}`);
  }

  line(text) {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  stop() {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#clear();
  }

  #draw() {
    const steps = [...this.#running].map(
      ([title, { since, detail }]) => `${title} ${seconds(Date.now() - since)}${detail ? `, ${detail}` : ""}`,
    );
    if (steps.length === 0) return;
    const text = `${frames[this.#frame++ % frames.length]} ${steps.join(" · ")}`;
    this.#stream.write(`\r\x1b[2K${text.slice(0, Math.max(20, (this.#stream.columns ?? 80) - 1))}`);
  }

  #clear() {
    if (this.#live) this.#stream.write("\r\x1b[2K");
  }
}
