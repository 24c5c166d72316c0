// "1-50 of 10,000", and the ways to the pages beside it.

import { button, make, write } from "./dom.js";
import { number } from "./words.js";

/** `go(first)` shows the page from that number on. The ends of pages are known once they were passed. */
export const pager = (one, more, go) => {
  const text = make("span");
  text.setAttribute("role", "status");
  const passed = []; // where the pages before this one begin
  let shown = { first: 0, next: 0 };
  const back = button("Previous", () => go(passed.pop() ?? 0));
  const on = button("Next", () => {
    passed.push(shown.first);
    go(shown.next);
  });
  const words = ({ first, next, total, items }, isFiltered) => {
    if (!total) return "";
    const all = `${number(total)} ${total === 1 ? one : more}`;
    if (!items.length) return isFiltered ? `None of ${all}` : all;
    const range = `${number(first + 1)}\u2013${number(next)}`;
    if (isFiltered) return `${number(items.length)} among ${range} of ${all}`;
    return first === 0 && next >= total ? all : `${range} of ${all}`;
  };
  return {
    element: make("div", "pager", text, back, on),
    update: (page, isFiltered = false) => {
      shown = page;
      write(text, words(page, isFiltered));
      back.hidden = on.hidden = page.first === 0 && page.next >= page.total;
      back.disabled = page.first === 0;
      on.disabled = page.next >= page.total;
    },
    restart: () => {
      passed.length = 0;
    },
  };
};
