// The states of phones, SA sets, next hops and sentences, and how each is told.

import { make } from "./dom.js";
import { icon } from "./icons.js";

const is = {
  leaving: (ue) => ue.expires_in === null,
  clear: (ue) => ue.expires_in !== null && !ue.protected && !ue.guest,
  confirming: (ue) => ue.sas.some((set) => set.stage === "temporary"),
};

// name, word, picture, tone, whether a phone is in it, what it means
export const PHONE = [
  ["protected", "Protected", "shield", "fine", (ue) => ue.protected && !is.leaving(ue), "Registered, under SAs"],
  ["clear", "In clear", "open", "warn", is.clear, "Registered without IPsec"],
  ["leaving", "Leaving", "leave", "faint", is.leaving, "No identity is registered any more; its SAs serve answers under way"],
  ["guest", "Guest", "guest", "note", (ue) => ue.guest, "Makes an emergency call without a registration"],
  ["emergency", "Emergency", "star", "note", (ue) => ue.emergency, "An emergency registration"],
  ["silent", "Silent", "silent", "bad", (ue) => ue.silent, "Did not answer when it was last spoken to"],
  ["confirming", "Authenticating", "wait", "note", is.confirming, "Was sent a challenge and has not answered it yet"],
].map(([name, word, picture, tone, fits, meaning]) => ({ name, word, picture, tone, fits, meaning }));

const STAGES = {
  temporary: ["Temporary", "wait", "note", "offered with the challenge; the phone has not answered under it yet"],
  current: ["Current", "shield", "fine", "in use"],
  previous: ["Previous", "half", "faint", "kept until the phone uses the new set"],
  leaving: ["Leaving", "leave", "faint", "for answers under way only"],
};

const HOPS = {
  active: ["Active", "ok", "fine", "Requests go there"],
  probing: ["Probing", "wait", "note", "Answers again, but not yet often enough"],
  inactive: ["Inactive", "bad", "bad", "Did not answer, or asked to be left alone"],
  disabled: ["Disabled", "leave", "faint", "Taken out by the operator"],
};

const SAYINGS = {
  ok: ["Fine", "ok", "fine", ""],
  note: ["Note", "note", "note", ""],
  bad: ["Problem", "bad", "bad", ""],
};

const named = (known, name) => {
  const [word, picture, tone, meaning] = known[name] ?? [name, "note", "faint", ""];
  return { word, picture, tone, meaning };
};

export const stage = (name) => named(STAGES, name);
export const hop = (name) => named(HOPS, name);
export const saying = (level) => named(SAYINGS, level);

export const badge = ({ word, picture, tone, meaning }) => {
  const element = make("span", `badge ${tone}`, icon(picture), word);
  if (meaning) element.title = meaning;
  return element;
};

export const statesOf = (ue) => PHONE.filter((state) => state.fits(ue));
