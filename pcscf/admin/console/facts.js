// Names and what is to be said of them, one below the other.

import { make, write } from "./dom.js";
import { Keyed } from "./keyed.js";

export const facts = () => {
  const element = make("dl", "about");
  const parts = new Keyed(
    element,
    ([name]) => name,
    ([name]) => {
      const text = make("dd");
      return {
        element: make("div", "", make("dt", "", name), text),
        update: ([, said]) => (said instanceof Node ? text.replaceChildren(said) : write(text, said)),
      };
    },
  );
  return { element, update: (items) => parts.update(items) };
};
