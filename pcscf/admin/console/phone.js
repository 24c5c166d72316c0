// A phone, or whoever is asked for: what is registered, why or why not, and its ladder as it grows.

import { Refused, get, path } from "./api.js";
import { card } from "./card.js";
import { breakable, button, make, write } from "./dom.js";
import { Keyed } from "./keyed.js";
import { ladder } from "./ladder.js";
import { why } from "./why.js";

const EVERY = 2; // seconds

const registered = async (who, signal) => {
  try {
    return (await get(path("ues", who), signal)).ues;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return [];
    throw error;
  }
};

/** A P-CSCF may run without diagnosis: its answer is a sentence too. */
const explained = async (who, signal) => {
  try {
    return (await get(path("why", who), signal)).sentences;
  } catch (error) {
    if (error instanceof Refused) return [{ time: null, level: "note", text: error.message }];
    throw error;
  }
};

export const phone = ({ who }) => {
  const reasons = why();
  const cardList = make("div", "cards-of");
  const cards = new Keyed(cardList, (ue) => [ue.impi, ue.ue, ue.emergency].join(" "), card);
  const none = make("p", "none");
  none.hidden = true;
  const live = ladder(path("trace", who));
  live.start();
  const jump = button("\u2193 Ladder", () => live.element.scrollIntoView(), "jump");
  const known = make("div", "known", make("div", "phone-head", make("h2", "who", ...breakable(who)), jump), reasons.element, none, cardList);
  return {
    title: who,
    element: make("section", "phone", known, live.element),
    refresh: async (signal) => {
      const [ues, sentences] = await Promise.all([registered(who, signal), explained(who, signal)]);
      reasons.update(sentences);
      cards.update(ues);
      none.hidden = ues.length > 0;
      write(none, "Nobody of this name is registered. What comes is shown all the same.");
      return EVERY;
    },
    leave: live.stop,
  };
};
