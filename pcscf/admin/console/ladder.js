// The ladder of a trace: three lines for phone, P-CSCF and core, and an arrow for each message.

import { Backlog } from "./backlog.js";
import { button, make, write } from "./dom.js";
import { follow } from "./follow.js";
import { Keyed } from "./keyed.js";
import { messagePane } from "./message_pane.js";
import { roving } from "./roving.js";
import { messageRow, noteRow } from "./rows.js";
import { glance, textOf } from "./sip.js";
import { stream } from "./stream.js";
import { counted, number } from "./words.js";

const DRAWING = 100; // milliseconds between two drawings

const lanes = () => {
  const names = ["Phone", "P-CSCF", "Core"].map((name) => make("span", "lane", name));
  const element = make("div", "lanes", make("span", "lanes-time", "Time"), make("div", "lanes-names", ...names));
  element.setAttribute("aria-hidden", "true"); // each row says it by itself
  return element;
};

export const ladder = (path) => {
  const backlog = new Backlog();
  let frozen = null; // {entries, number}, while paused
  let numbered = 0; // entries so far
  let drawn = 0; // the number of the last one that was drawn
  let before = null; // when the message before this one came
  let connection = "Connecting\u2026";
  let isOpen = false;

  // what comes

  const add = (entry) => {
    backlog.add({ ...entry, number: ++numbered });
    drawSoon();
  };

  const addMessage = (message) => {
    const text = textOf(message.raw);
    const time = message.time * 1000;
    const since = before === null ? 0 : time - before;
    before = time;
    add({ ...message, ...glance(text), text, time, since, side: { isGm: message.side === "gm", isSent: message.sent } });
  };

  const got = (value) => {
    if (value.type === "message") return addMessage(value);
    if (value.type !== "lost") return;
    const lost = counted(value.count, "message was", "messages were");
    add({ type: "lost", text: `${lost} lost here: this page was too slow.` });
  };

  const changed = (isOpenNow, reason) => {
    connection = isOpenNow ? "Live" : `Not live: ${reason}. Trying again\u2026`;
    if (isOpen && !isOpenNow) add({ type: "gap", text: "The connection was lost: what went by until it was back is not here." });
    isOpen = isOpenNow;
    drawSoon();
  };

  // what is shown

  const rows = make("ol", "rows");
  const scroll = make("div", "scroll", rows);
  const state = make("span", "live-state", connection);
  state.setAttribute("role", "status");
  const count = make("span", "faint");
  const empty = make("p", "none", "Nothing yet. Messages are shown as they come and go.");
  const end = follow(scroll);

  const choose = (entry) => {
    rows.querySelector(".chosen")?.classList.remove("chosen");
    pane.show(entry);
    const row = entry && rows.querySelector(`[data-number="${entry.number}"]`);
    row?.classList.add("chosen");
    row?.scrollIntoView({ block: "nearest" });
  };
  const pane = messagePane(() => choose(null));
  const keepStop = roving(rows, (row) => pane.element.hidden || row.click());
  const list = new Keyed(rows, (entry) => entry.number, (entry) =>
    entry.type === "message" ? messageRow(entry, () => choose(entry)) : noteRow(entry),
  );

  let drawing = 0;
  const drawSoon = () => {
    drawing ||= setTimeout(draw, DRAWING);
  };

  const draw = () => {
    drawing = 0;
    const shown = frozen?.entries ?? backlog.entries;
    end.grow(() => {
      list.update(shown);
      const isLonger = (shown.at(-1)?.number ?? 0) > drawn;
      drawn = shown.at(-1)?.number ?? drawn;
      return isLonger;
    });
    keepStop();
    empty.hidden = shown.length > 0;
    sayState();
  };

  const sayState = () => {
    write(state, frozen ? "Paused" : connection);
    state.classList.toggle("on", !frozen && isOpen);
    const older = backlog.dropped ? `, ${number(backlog.dropped)} older ones not kept` : "";
    const all = backlog.seen ? counted(backlog.seen, "message", "messages") + older : "";
    write(count, frozen ? `${number(numbered - frozen.number)} new` : all);
  };

  // the reader's hands

  const pause = button("Pause", () => {
    frozen = frozen ? null : { entries: backlog.entries.slice(), number: numbered };
    write(pause, frozen ? "Go on" : "Pause");
    draw();
  });
  const clear = button("Clear", () => {
    backlog.clear();
    if (frozen) frozen = { entries: [], number: numbered };
    before = null;
    choose(null);
    draw();
  });

  const lines = stream(path, { got, state: changed });
  const head = make("div", "ladder-head", make("h2", "", "Ladder"), state, count, make("span", "buttons", pause, clear));
  const element = make("section", "ladder", head, lanes(), make("div", "ladder-body", scroll, empty, end.newest), pane.element);
  element.setAttribute("aria-label", "Live ladder");
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(null);
  });
  return {
    element,
    start: lines.start,
    stop: () => {
      lines.stop();
      clearTimeout(drawing);
    },
  };
};
