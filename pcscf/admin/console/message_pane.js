// One message, whole.

import { button, make, write } from "./dom.js";
import { facts } from "./facts.js";
import { hex } from "./words.js";

/** Header names stand out; a line that continues another one has none. */
const dressed = (text) => {
  const end = text.indexOf("\n\n");
  const [head, body] = end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end)];
  const pieces = head.split("\n").flatMap((line, place) => {
    if (!place) return [make("strong", "", line)];
    const colon = line.indexOf(":");
    if (colon <= 0 || /^\s/.test(line)) return ["\n", make("span", "", line)];
    return ["\n", make("b", "", line.slice(0, colon)), make("span", "", line.slice(colon))];
  });
  return [...pieces, make("span", "", body)];
};

const carried = (entry) =>
  entry.spi === null ? `${entry.transport}, in clear` : `${entry.transport} in ESP, SPI ${hex(entry.spi)}`;

export const messagePane = (close) => {
  const title = make("h3");
  const about = facts();
  const raw = make("pre");
  raw.tabIndex = 0;
  raw.setAttribute("aria-label", "The message");
  let shown = null;
  const copy = button("Copy", () => navigator.clipboard.writeText(shown.text));
  copy.hidden = !navigator.clipboard; // a page that came over plain HTTP from elsewhere has none
  const shut = button("\u2715", close, "shut");
  shut.setAttribute("aria-label", "Close");
  const element = make("aside", "pane", make("div", "pane-head", title, copy, shut), about.element, raw);
  element.setAttribute("aria-label", "Message");
  element.hidden = true;
  return {
    element,
    show: (entry) => {
      shown = entry;
      element.hidden = !entry;
      if (!entry) return;
      element.className = `pane ${entry.kind}`;
      write(title, entry.title);
      about.update([
        ["Time", new Date(entry.time).toISOString().replace("T", " ").replace("Z", "")],
        ["From", `${entry.side.isSent ? "P-CSCF" : entry.side.isGm ? "Phone" : "Core"} ${entry.src}`],
        ["To", `${entry.side.isSent ? (entry.side.isGm ? "Phone" : "Core") : "P-CSCF"} ${entry.dst}`],
        ["Carried", carried(entry)],
      ]);
      raw.replaceChildren(...dressed(entry.text));
      raw.scrollTop = 0;
    },
  };
};
