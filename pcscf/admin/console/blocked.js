// Sources that are not listened to for a while.

import { get, path } from "./api.js";
import { countdownColumn } from "./countdown.js";
import { make } from "./dom.js";
import { table } from "./table.js";

const EVERY = 5; // seconds

const columns = [
  { name: "Source", kind: "mono who", head: true, show: (one) => one.source },
  { name: "Reason", kind: "long", show: (one) => one.reason },
  countdownColumn("Ends in", (one) => one.expires_in),
];

export const blocked = () => {
  const list = table({
    caption: "Blocked sources",
    kind: "cards",
    columns,
    keyOf: (one) => one.source,
    none: "No source is blocked.",
  });
  return {
    title: "Blocked",
    element: make("section", "", list.element),
    refresh: async (signal) => {
      list.update((await get(path("blocked"), signal)).blocked);
      return EVERY;
    },
  };
};
