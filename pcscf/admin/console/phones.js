// All phones: searched by the P-CSCF, filtered by state, a page at a time.

import { get, query } from "./api.js";
import { countdownColumn } from "./countdown.js";
import { link, make, write } from "./dom.js";
import { pageFrom } from "./pages.js";
import { pager } from "./pager.js";
import { hrefOf, note } from "./route.js";
import { PHONE, badge, stage, statesOf } from "./states.js";
import { table } from "./table.js";
import { NOTHING, number, uri } from "./words.js";

const TYPING = 300; // milliseconds without a key until the words are looked for
const EVERY = 5; // seconds
const EVERY_FILTERED = 30; // the P-CSCF has to list all its phones for it

const nameOf = (ue) => uri(ue.identities[0] ?? (ue.impi || ue.ue));

/** Leave a domain out that stands above in full. */
const without = (domain, text) => (domain && text.endsWith(domain) ? text.slice(0, -domain.length) : text);

const SHOWN = 3; // identities; the phone's own page has them all

const identity = (ue) => {
  const name = nameOf(ue);
  const domain = /@[^@]+$/.exec(name)?.[0];
  const others = ue.identities.slice(1, SHOWN).map(uri);
  const more = ue.identities.length - SHOWN;
  const below = [...others, ue.impi].filter((text) => text && text !== name).map((text) => without(domain, text));
  if (more > 0) below.push(`${number(more)} more`);
  return [link(name, hrefOf("phone", name)), make("small", "", below.join(", "))];
};

const sets = (ue) => {
  if (!ue.sas.length) return make("span", "faint", "none");
  const [first, ...others] = ue.sas;
  const more = others.map((set) => `+ ${stage(set.stage).word.toLowerCase()}`).join(", ");
  const words = first.stage === "current" ? more : [stage(first.stage).word.toLowerCase(), more].join(" ");
  return [make("span", "suite", first.suite), make("small", "", words)];
};

const names = (list) => list.map(({ name }) => name).join();

const columns = [
  { name: "Phone", kind: "who", head: true, mark: (ue) => JSON.stringify([ue.identities, ue.impi]), show: identity },
  { name: "State", kind: "state", mark: (ue) => names(statesOf(ue)), show: (ue) => statesOf(ue).map(badge) },
  { name: "Address", kind: "mono address", show: (ue) => ue.ue },
  { name: "By", kind: "by", show: (ue) => ue.transport.toUpperCase() },
  { name: "SAs", kind: "sets-of", mark: (ue) => JSON.stringify(ue.sas.map((set) => [set.suite, set.stage])), show: sets },
  { name: "Calls", kind: "number calls", show: (ue) => ue.dialogs || NOTHING },
  { name: "Next hop", kind: "mono hop", show: (ue) => ue.next_hop || NOTHING },
  countdownColumn("Expires in", (ue) => ue.expires_in, () => true),
];

const searchField = (words) => {
  const input = make("input");
  input.type = "search";
  input.id = "words";
  input.placeholder = "Identity or address ( / )";
  input.setAttribute("aria-label", "Find by identity or address");
  input.autocomplete = "off";
  input.spellcheck = false;
  input.value = words;
  return input;
};

const stateField = (chosen) => {
  const select = make("select");
  select.id = "state";
  select.setAttribute("aria-label", "State");
  select.append(new Option("Every state", ""), ...PHONE.map(({ name, word }) => new Option(word, name)));
  select.value = chosen;
  return select;
};

export const phones = ({ options }, again) => {
  const words = searchField(options.get("find") ?? "");
  const state = stateField(options.get("state") ?? "");
  let first = Number(options.get("first")) || 0;
  const list = table({
    caption: "Phones",
    kind: "cards of-phones",
    columns,
    keyOf: (ue) => [ue.impi, ue.ue, ue.emergency].join(" "),
  });
  const show = (from) => {
    first = from;
    note("phones", "", { find: words.value, state: state.value, first });
    again();
  };
  const pages = pager("phone", "phones", show);
  const none = make("p", "none");
  const anew = () => {
    pages.restart();
    show(0);
  };
  let timer = 0;
  words.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(anew, TYPING);
  });
  state.addEventListener("change", anew);

  const sayNone = () => {
    const wanted = words.value.trim();
    if (!wanted) return write(none, state.value ? "No phone is in this state." : "No phone is registered.");
    none.replaceChildren("No phone fits. ", link(`Why is ${wanted} not here?`, hrefOf("phone", wanted)));
  };

  return {
    title: "Phones",
    element: make("section", "", make("div", "tools", words, state, pages.element), list.element, none),
    focus: words,
    refresh: async (signal) => {
      const ask = async (from, most) => {
        const found = await get(query("ues", { first: from, most, find: words.value.trim() }), signal);
        return { total: found.total, items: found.ues };
      };
      const fits = PHONE.find(({ name }) => name === state.value)?.fits;
      const page = { first, ...(await pageFrom(ask, first, fits)) };
      list.update(page.items);
      pages.update(page, Boolean(fits));
      none.hidden = page.items.length > 0;
      if (!none.hidden) sayNone();
      return fits ? EVERY_FILTERED : EVERY;
    },
    leave: () => clearTimeout(timer),
  };
};
