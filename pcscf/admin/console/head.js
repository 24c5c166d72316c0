// The line at the top: version, whether it is ready, how much it holds, and the drain button.

import { path } from "./api.js";
import { act } from "./act.js";
import { at, make, write } from "./dom.js";
import { icon } from "./icons.js";
import { Keyed } from "./keyed.js";
import { counted } from "./words.js";

const DRAIN = {
  title: "Drain this P-CSCF?",
  text: "New phones are turned away and /readyz says so. Phones that are registered stay served until you resume.",
  yes: "Drain",
  isGrave: true,
};
const RESUME = {
  title: "Take new phones again?",
  text: "The P-CSCF lets new phones register again, and /readyz says that it is ready.",
  yes: "Resume",
};

const COUNTS = [
  ["registrations", "phone", "phones"],
  ["sa_sets", "SA set", "SA sets"],
  ["dialogs", "call", "calls"],
];

const factsOf = (status) => {
  const state = status.draining
    ? ["warn", "leave", "Draining"]
    : status.ready
      ? ["fine", "ok", "Ready"]
      : ["bad", "bad", "Not ready"];
  const reasons = status.reasons.filter((reason) => !(status.draining && reason.startsWith("draining")));
  const counts = COUNTS.filter(([name]) => name in status.held);
  return [
    state,
    ...reasons.map((reason) => [status.ready ? "note" : "bad", "warn", reason]),
    ...status.notes.map((note) => ["warn", "warn", note]),
    ...counts.map(([name, one, more]) => ["", "", counted(status.held[name], one, more)]),
  ];
};

let list = null;
let isDraining = false;

export const showStatus = (status) => {
  list ??= new Keyed(
    at("facts"),
    ([tone, picture, text]) => (picture ? `${tone} ${text}` : text.replace(/[\d,]+/, "")),
    ([tone, picture]) => {
      const text = make("span");
      return {
        element: make("li", `fact ${tone}`, picture ? icon(picture) : null, text),
        update: ([, , said]) => write(text, said),
      };
    },
  );
  list.update(factsOf(status));
  write(at("version"), status.version);
  isDraining = status.draining;
  write(at("drain"), isDraining ? "Resume\u2026" : "Drain\u2026");
  at("drain").hidden = false;
};

at("drain").addEventListener("click", () => act(isDraining ? RESUME : DRAIN, path("drain"), { on: !isDraining }));
