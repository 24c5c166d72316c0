// What the kernel dropped, and why: its own counters, and ESP with an SPI that nobody knows.

import { get, path } from "./api.js";
import { link, make, write } from "./dom.js";
import { hrefOf } from "./route.js";
import { table } from "./table.js";
import { clock, counted, hex, moment, number } from "./words.js";

const EVERY = 5; // seconds

const counterColumns = [
  { name: "Counter", kind: "mono who", head: true, show: (one) => one.name },
  { name: "Dropped", kind: "number", show: (one) => number(one.count) },
  { name: "In the last minute", kind: "number", show: (one) => (one.recent ? `+${number(one.recent)}` : "0") },
  { name: "Meaning", kind: "long", show: (one) => one.meaning },
];

const spiColumns = [
  { name: "Time", kind: "mono", show: (one) => clock(one.time) },
  { name: "From", kind: "mono who", head: true, mark: (one) => one.src, show: (one) => link(one.src, hrefOf("phone", one.src)) },
  { name: "To", kind: "mono", show: (one) => one.dst },
  { name: "SPI", kind: "mono", show: (one) => hex(one.spi) },
  { name: "Packets", kind: "number", show: (one) => number(one.count) },
  { name: "Why", kind: "long", show: (one) => one.sentence },
];

const watching = ({ watching: isWatching, note }) =>
  [isWatching ? "" : "Unknown SPIs are not watched for, so they cannot be named.", note].filter(Boolean).join(" ");

export const drops = () => {
  const since = make("p", "faint");
  const counters = table({
    caption: "Drops counted by the kernel",
    kind: "cards",
    columns: counterColumns,
    keyOf: (one) => one.name,
    none: "The kernel has dropped nothing.",
  });
  const silent = make("p", "faint");
  const spis = table({
    caption: "ESP with an unknown SPI",
    kind: "cards",
    columns: spiColumns,
    keyOf: (one) => `${one.src} ${one.dst} ${one.spi}`,
    none: "No ESP with an unknown SPI was seen.",
  });
  const note = make("p", "notice");
  return {
    title: "Drops",
    element: make(
      "section",
      "",
      make("h2", "", "Dropped by the kernel"), since, counters.element, silent,
      make("h2", "", "ESP with an unknown SPI"), note, spis.element,
    ),
    refresh: async (signal) => {
      const found = await get(path("drops"), signal);
      const told = found.counters.filter((one) => one.count);
      const zero = found.counters.length - told.length;
      write(since, `Counted since ${moment(found.since)}.`);
      counters.update(told);
      write(silent, zero ? `${counted(zero, "counter is", "counters are")} at zero.` : "");
      spis.update(found.unknown_spis);
      write(note, watching(found));
      note.hidden = !note.textContent;
      return EVERY;
    },
  };
};
