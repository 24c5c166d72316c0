// The messages of a ladder: the latest ones, never more than so many.

export const MOST = 500;
const MOST_CHARACTERS = 8_000_000;

export class Backlog {
  entries = [];
  dropped = 0; // older ones that are not kept any more
  seen = 0; // messages since it was cleared
  #characters = 0;

  add(entry) {
    this.entries.push(entry);
    this.#characters += entry.raw?.length ?? 0;
    if (entry.type === "message") this.seen++;
    while (this.entries.length > MOST || this.#characters > MOST_CHARACTERS) this.#drop();
  }

  clear() {
    this.entries = [];
    this.dropped = this.seen = this.#characters = 0;
  }

  #drop() {
    const oldest = this.entries.shift();
    this.#characters -= oldest.raw?.length ?? 0;
    if (oldest.type === "message") this.dropped++;
  }
}
