// Where requests go on the core's side, and who answers there.

import { get, path } from "./api.js";
import { make } from "./dom.js";
import { badge, hop } from "./states.js";
import { table } from "./table.js";
import { NOTHING } from "./words.js";

const EVERY = 5; // seconds

const columns = [
  { name: "Next hop", kind: "mono who", head: true, show: (one) => one.next_hop },
  { name: "State", mark: (one) => one.state, show: (one) => badge(hop(one.state)) },
  { name: "Flags", kind: "mono", show: (one) => one.flags },
  { name: "Failures in a row", kind: "number", show: (one) => one.failures || NOTHING },
  { name: "Last reason", kind: "long", show: (one) => one.reason || NOTHING },
];

export const hops = () => {
  const list = table({
    caption: "Next hops",
    kind: "cards",
    columns,
    keyOf: (one) => one.next_hop,
    none: "No next hop is known yet.",
  });
  return {
    title: "Next hops",
    element: make("section", "", list.element),
    refresh: async (signal) => {
      list.update((await get(path("next-hops"), signal)).next_hops);
      return EVERY;
    },
  };
};
