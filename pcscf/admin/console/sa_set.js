// One SA set: its four SAs in the order of TS 33.203 7.1, with what the kernel counted.

import { wind } from "./countdown.js";
import { make, write } from "./dom.js";
import { badge, stage } from "./states.js";
import { table } from "./table.js";
import { NOTHING, clock, hex, number, octets } from "./words.js";

// receiver's SPI, sender's port, receiver's port, direction; SPIs are named from the receiver's side
const WAYS = [
  ["ps", "uc", "ps", "in"],
  ["pc", "us", "pc", "in"],
  ["us", "pc", "us", "out"],
  ["uc", "ps", "uc", "out"],
];

const waysOf = (set) =>
  WAYS.map(([spi, from, to, direction]) => ({
    direction,
    spi: set[`spi_${spi}`],
    from: `${from} :${set[`port_${from}`]}`,
    to: `${to} :${set[`port_${to}`]}`,
    ...(set.sas ?? []).find((sa) => sa.spi === set[`spi_${spi}`] && sa.direction === direction),
  }));

const counter = (name, key, form) => ({
  name,
  kind: "number counter",
  put: (cell, sa) => {
    const value = sa[key];
    const grown = "value" in cell.dataset ? value - Number(cell.dataset.value) : 0;
    cell.dataset.value = value;
    cell.replaceChildren(form(value), grown > 0 ? make("small", "grown", `+${form(grown)}`) : "");
  },
});

const faults = (sa) => {
  const told = [
    [sa.integrity_failed, "bad ICV"],
    [sa.replay, "replayed"],
    [sa.replay_window, "outside the window"],
  ];
  const words = told.filter(([count]) => count).map(([count, name]) => `${number(count)} ${name}`);
  return words.join(", ") || (sa.integrity_failed === null || sa.integrity_failed === undefined ? NOTHING : "none");
};

const firstUse = (sa) => {
  if (sa.used) return clock(sa.used);
  return sa.packets === 0 ? "never" : NOTHING;
};

const columns = [
  { name: "SPI", kind: "mono", head: true, show: (sa) => hex(sa.spi) },
  {
    name: "From, to",
    mark: (sa) => `${sa.from} ${sa.to}`,
    show: (sa) =>
      sa.direction === "in"
        ? [make("span", "mono", `${sa.from} \u2192 ${sa.to}`), make("small", "", "phone to P-CSCF")]
        : [make("span", "mono", `${sa.to} \u2190 ${sa.from}`), make("small", "", "P-CSCF to phone")],
  },
  counter("Packets", "packets", number),
  counter("Bytes", "bytes", octets),
  { name: "Faults", kind: "faults", show: faults },
  { name: "First used", kind: "number", show: firstUse },
];

export const saSet = () => {
  const mark = make("span");
  const suite = make("b", "suite");
  const about = make("small");
  const left = make("b", "countdown");
  const ends = make("span", "ends", "removed in ", left);
  const sas = table({ caption: "The four SAs", kind: "sas", columns, keyOf: (sa) => `${sa.direction} ${sa.spi}` });
  let shown;
  return {
    element: make("section", "set", make("div", "set-head", mark, suite, ends, about), sas.element),
    update: (set) => {
      const told = stage(set.stage);
      if (shown !== set.stage) mark.replaceChildren(badge(told));
      shown = set.stage;
      write(suite, set.suite);
      write(about, [set.stage === "current" ? "" : told.meaning, set.tcp ? "the phone has a TCP connection under it" : ""].filter(Boolean).join("; "));
      about.hidden = !about.textContent;
      wind(left, set.expires_in, set.stage === "current");
      ends.hidden = set.expires_in === null;
      sas.update(waysOf(set));
    },
  };
};
