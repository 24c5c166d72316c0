// Looks again and again, while somebody sees the page. A look that is overtaken is given up.

export class Beat {
  #timer = 0;
  #running = new AbortController();
  #failures = 0;

  /** `look(signal)` resolves to the seconds until the next look; `failed(error, times)` gives them, or null for none. */
  constructor(look, failed) {
    this.look = look;
    this.failed = failed;
    document.addEventListener("visibilitychange", () => document.hidden || this.now());
  }

  async now() {
    clearTimeout(this.#timer);
    this.#running.abort();
    const running = (this.#running = new AbortController());
    const pause = await this.#tried(running.signal);
    if (running.signal.aborted || pause === null) return;
    this.#timer = setTimeout(() => document.hidden || this.now(), pause * 1000);
  }

  async #tried(signal) {
    try {
      const pause = await this.look(signal);
      this.#failures = 0;
      return pause;
    } catch (error) {
      return signal.aborted ? null : this.failed(error, ++this.#failures);
    }
  }
}
