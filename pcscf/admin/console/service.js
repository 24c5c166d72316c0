// The service as a whole: what it is, what it holds and counts, and what can be changed while it runs.

import { path } from "./api.js";
import { act } from "./act.js";
import { button, make } from "./dom.js";
import { facts } from "./facts.js";
import { table } from "./table.js";
import { counted, moment, number } from "./words.js";

const EVERY = 5; // seconds
const LEVELS = ["debug", "info", "warning", "error"];

const spoken = (name) => name.replaceAll("_", " ");

const storeOf = (store) =>
  store
    ? `${store.kind}, ${store.state} since ${moment(store.since)}, ${counted(store.waiting, "change waits", "changes wait")}`
    : "none: a restart forgets all phones";

const tally = (caption, none) =>
  table({
    caption,
    kind: "tally",
    columns: [
      { name: "What", head: true, show: ([name]) => spoken(name) },
      { name: "Number", kind: "number", show: ([, value]) => number(value) },
    ],
    keyOf: ([name]) => name,
    none,
  });

const reload = () =>
  act(
    {
      title: "Read the settings again?",
      text: "What can change while the P-CSCF runs is applied at once. The answer names what needs a restart.",
      yes: "Read them",
    },
    path("reload"),
  );

const levelField = () => {
  const select = make("select");
  select.id = "level";
  select.append(...LEVELS.map((level) => new Option(level, level)));
  select.addEventListener("change", () => act(null, path("log-level"), { level: select.value }));
  return select;
};

export const service = () => {
  const about = facts();
  const level = levelField();
  const held = tally("Held at present", "Nothing is held.");
  const counts = tally("Counted since the start", "Nothing was counted yet.");
  const label = make("label", "", "Log level", level);
  return {
    title: "Service",
    element: make(
      "section",
      "",
      make("div", "card", about.element, make("div", "buttons", label, button("Read settings again\u2026", reload))),
      make(
        "div",
        "columns",
        make("div", "", make("h2", "", "Held at present"), held.element),
        make("div", "", make("h2", "", "Counted since the start"), counts.element),
      ),
    ),
    refresh: async (_signal, status) => {
      about.update([
        ["Version", status.version],
        ["Started", moment(status.started)],
        ["Gm addresses", status.gm.join(", ")],
        ["Suites", status.suites.join(", ")],
        ["Store", storeOf(status.store)],
        ["Hooks", status.hooks ? `${status.hooks.functions.join(", ")} of ${status.hooks.file}` : "none"],
      ]);
      if (document.activeElement !== level) level.value = status.log_level;
      held.update(Object.entries(status.held));
      counts.update(Object.entries(status.counted).sort());
      return EVERY;
    },
  };
};
