// The ladder of everybody.

import { get, path } from "./api.js";
import { make } from "./dom.js";
import { ladder } from "./ladder.js";

const EVERY = 5; // seconds

export const trace = () => {
  const live = ladder(path("trace"));
  live.start();
  return {
    title: "Trace",
    element: make("section", "alone", live.element),
    refresh: async (signal, status) => {
      const { next_hops: hops } = await get(path("next-hops"), signal);
      live.know({ gm: status.gm, phones: [], hops: hops.map((one) => one.next_hop) });
      return EVERY;
    },
    leave: live.stop,
  };
};
