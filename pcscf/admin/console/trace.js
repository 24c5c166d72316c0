// The ladder of everybody.

import { path } from "./api.js";
import { make } from "./dom.js";
import { ladder } from "./ladder.js";

const EVERY = 5; // seconds

export const trace = () => {
  const live = ladder(path("trace"));
  live.start();
  return {
    title: "Trace",
    element: make("section", "alone", live.element),
    refresh: async () => EVERY,
    leave: live.stop,
  };
};
