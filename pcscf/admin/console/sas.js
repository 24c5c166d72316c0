// All SA sets, also those of phones that are not registered yet.

import { get, query } from "./api.js";
import { countdownColumn } from "./countdown.js";
import { link, make } from "./dom.js";
import { pageFrom } from "./pages.js";
import { pager } from "./pager.js";
import { hrefOf, note } from "./route.js";
import { badge, stage } from "./states.js";
import { table } from "./table.js";
import { hex } from "./words.js";

const EVERY = 5; // seconds

const ends = (spi, port) => (set) => `${hex(set[spi])} :${set[port]}`;

const columns = [
  { name: "Stage", mark: (set) => set.stage, show: (set) => badge(stage(set.stage)) },
  { name: "Phone", kind: "mono who", head: true, mark: (set) => set.ue, show: (set) => link(set.ue, hrefOf("phone", set.ue)) },
  { name: "User", kind: "long", show: (set) => set.impi },
  { name: "Suite", show: (set) => set.suite },
  { name: "Phone's client (uc)", kind: "mono", show: ends("spi_uc", "port_uc") },
  { name: "Phone's server (us)", kind: "mono", show: ends("spi_us", "port_us") },
  { name: "Our client (pc)", kind: "mono", show: ends("spi_pc", "port_pc") },
  { name: "Our server (ps)", kind: "mono", show: ends("spi_ps", "port_ps") },
  countdownColumn("Removed in", (set) => set.expires_in),
];

export const sas = ({ options }, again) => {
  let first = Number(options.get("first")) || 0;
  const list = table({
    caption: "SA sets",
    kind: "cards",
    columns,
    keyOf: (set) => `${set.ue} ${set.spi_pc} ${set.spi_ps}`,
    none: "No SA is installed.",
  });
  const pages = pager("SA set", "SA sets", (from) => {
    first = from;
    note("sas", "", { first });
    again();
  });
  return {
    title: "SAs",
    element: make("section", "", make("div", "tools", pages.element), list.element),
    refresh: async (signal) => {
      const ask = async (from, most) => {
        const found = await get(query("sas", { first: from, most }), signal);
        return { total: found.total, items: found.sas };
      };
      const page = { first, ...(await pageFrom(ask, first)) };
      list.update(page.items);
      pages.update(page);
      return EVERY;
    },
  };
};
