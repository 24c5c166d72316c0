// The rows of a ladder.

import { make } from "./dom.js";
import { hostAndPort, hex, pause } from "./words.js";

const spokenWay = ({ isGm, isSent }) => {
  const other = isGm ? "phone" : "core";
  return isSent ? `P-CSCF to ${other}` : `${other} to P-CSCF`;
};

const carried = (entry) => (entry.spi === null ? entry.transport : `ESP ${hex(entry.spi)} ${entry.transport}`);

const wayOf = (entry) => {
  if (entry.spi === null) return make("span", "way", entry.transport);
  return make("span", "way protected", `ESP ${hex(entry.spi)}`, make("span", "transport", ` ${entry.transport}`));
};

const timeOf = (entry) => new Date(entry.time).toISOString().slice(11, 23);

// A hue for each Call-ID: what belongs together is seen together.
const stripeOf = (callId) => {
  if (callId === null) return "transparent";
  let sum = 7;
  for (const letter of callId) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return `hsl(${(sum * 137.5) % 360} 60% 55%)`;
};

/** A row is a button: it opens the message. */
export const messageRow = (entry, open) => {
  const { isGm, isSent, peer } = entry.side;
  const pointsRight = isGm !== isSent;
  const [ours, theirs] = isSent ? [entry.src, entry.dst] : [entry.dst, entry.src];
  const ends = [hostAndPort(ours)[1], hostAndPort(theirs)[1]];
  const [left, right] = isGm ? ends.reverse() : ends;
  const time = timeOf(entry);
  const thread = make("span", "thread");
  thread.style.background = stripeOf(entry.call_id);
  const label = make("span", "label", make("b", "", entry.title), make("i", "", entry.notes.join("; ")));
  const row = make(
    "button",
    `row ${entry.kind}`,
    thread,
    make("span", "time", make("span", "", time.slice(0, 8)), make("span", "fraction", time.slice(8)), make("small", "", pause(entry.since))),
    make(
      "span",
      `flight ${isGm ? "gm" : "core"}`,
      label,
      make("span", `arrow ${pointsRight ? "right" : "left"} ${entry.spi === null ? "clear" : "protected"}`),
      make("span", "below", make("span", "port", left), wayOf(entry), make("span", "port", right)),
    ),
  );
  row.type = "button";
  row.tabIndex = -1;
  row.dataset.number = entry.number;
  row.title = [entry.title, `${isGm ? "Phone" : "Core"} ${peer}`, ...entry.notes].join("\n");
  row.setAttribute("aria-label", `${time.slice(0, 8)}, ${spokenWay(entry.side)}, ${entry.title}, ${carried(entry)}`);
  row.addEventListener("click", open);
  return { element: make("li", "", row), update: () => {} };
};

/** What is missing between two messages. */
export const noteRow = (entry) => ({ element: make("li", `missing ${entry.type}`, entry.text), update: () => {} });
