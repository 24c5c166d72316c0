// One registration of a phone: who, where, until when, its bindings and SA sets.

import { path } from "./api.js";
import { act } from "./act.js";
import { countdownColumn, wind } from "./countdown.js";
import { button, make, write } from "./dom.js";
import { facts } from "./facts.js";
import { Keyed } from "./keyed.js";
import { saSet } from "./sa_set.js";
import { badge, statesOf } from "./states.js";
import { table } from "./table.js";
import { NOTHING, counted, uri } from "./words.js";

const bindingColumns = [
  { name: "Identity", head: true, kind: "who", show: (one) => one.impu },
  { name: "Contact", kind: "long mono", show: (one) => one.contact },
  countdownColumn("Expires in", (one) => one.expires_in, () => true),
];

const deregister = (ue) =>
  act(
    {
      title: "Deregister this phone?",
      text:
        `${ue.impi || "The phone"} at ${ue.ue}: its ${counted(ue.identities.length, "identity", "identities")}, its SAs ` +
        `and ${counted(ue.dialogs, "call", "calls")} go. It may register again.`,
      yes: "Deregister",
      isGrave: true,
    },
    path("ues", ue.ue, "deregister"),
  );

const factsOf = (ue) => [
  ["Address", `${ue.ue}, ${ue.transport.toUpperCase()}`],
  ["Private identity", ue.impi || NOTHING],
  ["Identities", ue.identities.map(uri).join(", ") || NOTHING],
  ["Instance", ue.instance || NOTHING],
  ["Next hop", ue.next_hop || NOTHING],
  ["Calls", ue.dialogs || "none"],
];

export const card = (given) => {
  let ue = given;
  const states = make("span", "states");
  const left = make("b", "countdown");
  const expires = make("span", "ends", "expires in ", left);
  const about = facts();
  const bindings = table({ caption: "Bindings", kind: "cards", columns: bindingColumns, keyOf: (one) => `${one.impu} ${one.contact}` });
  const setList = make("div", "sets");
  const sets = new Keyed(setList, (set) => `${set.spi_pc} ${set.spi_ps}`, saSet);
  const noSets = make("p", "none", "No SAs: what it sends and gets is in clear.");
  const head = make("div", "card-head", states, expires, button("Deregister\u2026", () => deregister(ue), "grave"));
  let shown;
  return {
    element: make("article", "card", head, about.element, setList, noSets, bindings.element),
    update: (latest) => {
      ue = latest;
      const told = statesOf(ue);
      const mark = told.map(({ name }) => name).join();
      if (mark !== shown) states.replaceChildren(...told.map(badge));
      shown = mark;
      expires.hidden = ue.expires_in === null;
      wind(left, ue.expires_in, true);
      about.update(factsOf(ue));
      sets.update(ue.sas);
      noSets.hidden = ue.sas.length > 0;
      bindings.update(ue.bindings);
      write(noSets, ue.protected ? "Its SAs are gone." : "No SAs: what it sends and gets is in clear.");
    },
  };
};
