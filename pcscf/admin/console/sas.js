// All SA sets, also those of phones that are not registered yet.

import { get, query } from "./api.js";
import { countdownColumn } from "./countdown.js";
import { breakable, link, make } from "./dom.js";
import { pageFrom } from "./pages.js";
import { pager } from "./pager.js";
import { hrefOf, note } from "./route.js";
import { badge, stage } from "./states.js";
import { table } from "./table.js";
import { hex } from "./words.js";

const EVERY = 5; // seconds

const end = (name, letters) => ({
  name,
  kind: "mono end",
  mark: (set) => `${set[`spi_${letters}`]} ${set[`port_${letters}`]}`,
  show: (set) => [hex(set[`spi_${letters}`]), make("small", "", `port ${set[`port_${letters}`]}`)],
});

const columns = [
  { name: "Phone", kind: "mono who", head: true, mark: (set) => set.ue, show: (set) => link(set.ue, hrefOf("phone", set.ue)) },
  { name: "Stage", mark: (set) => set.stage, show: (set) => badge(stage(set.stage)) },
  { name: "User", kind: "long", mark: (set) => set.impi, show: (set) => breakable(set.impi) },
  { name: "Suite", kind: "suite", show: (set) => set.suite },
  end("Phone's client (uc)", "uc"),
  end("Phone's server (us)", "us"),
  end("Our client (pc)", "pc"),
  end("Our server (ps)", "ps"),
  countdownColumn("Removed in", (set) => set.expires_in, (set) => set.stage === "current"),
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
