// Keeps the end of a list in sight while it grows, unless somebody reads further up.

import { button } from "./dom.js";

const NEAR = 60; // pixels

/** Gives the button that leads to the end, and `grow(change)`, which makes the list longer. */
export const follow = (scroll) => {
  const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  const toEnd = () => {
    scroll.scrollTop = scroll.scrollHeight;
    newest.hidden = true;
  };
  const newest = button("\u2193 Newest", toEnd, "newest");
  newest.hidden = true;
  scroll.addEventListener("scroll", () => {
    if (isAtEnd()) newest.hidden = true;
  });
  return {
    newest,
    grow: (change) => {
      const wasAtEnd = isAtEnd();
      const isLonger = change();
      if (wasAtEnd) toEnd();
      else if (isLonger) newest.hidden = false;
    },
  };
};
