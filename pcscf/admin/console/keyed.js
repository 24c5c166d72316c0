// Brings the children of an element in line with a list. Who stays keeps its element, and with it
// the focus, the selection and the pointer above it: lists are asked for again every few seconds.

export class Keyed {
  #parts = new Map(); // key -> {element, update}

  /** `build(item)` gives {element, update(item)}; the parent has no other children. */
  constructor(parent, keyOf, build) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.build = build;
  }

  update(items) {
    const wanted = this.#keys(items);
    for (const [key, part] of this.#parts) {
      if (wanted.has(key)) continue;
      part.element.remove();
      this.#parts.delete(key);
    }
    let place = this.parent.firstChild;
    for (const [key, item] of wanted) {
      let part = this.#parts.get(key);
      if (!part) this.#parts.set(key, (part = this.build(item)));
      part.update(item);
      if (part.element === place) place = place.nextSibling;
      else this.parent.insertBefore(part.element, place);
    }
  }

  /** Give each item a key of its own, also where two say the same of themselves. */
  #keys(items) {
    const keys = new Map();
    for (const item of items) {
      let key = this.keyOf(item);
      while (keys.has(key)) key += "+";
      keys.set(key, item);
    }
    return keys;
  }
}
