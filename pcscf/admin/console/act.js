// Carries out what was confirmed, and says what came of it.

import { Refused, Unauthorised, Unreachable, post } from "./api.js";
import { confirm } from "./confirm.js";
import { at, write } from "./dom.js";
import { signIn } from "./sign_in.js";

const STAYS = 8000; // milliseconds

let timer = 0;

export const say = (text, isBad = false) => {
  clearTimeout(timer);
  at("toast").className = isBad ? "shown bad" : "shown";
  write(at("toast"), text);
  timer = setTimeout(() => (at("toast").className = ""), STAYS);
};

const told = (error) => {
  if (error instanceof Refused) return `Refused: ${error.message}`;
  if (error.isSlow) return "The P-CSCF does not answer in time; it may have done it all the same.";
  return "Not done: the P-CSCF cannot be reached.";
};

const tried = async (path, body) => {
  try {
    say((await post(path, body)).done);
    return true;
  } catch (error) {
    if (error instanceof Unauthorised) return (await signIn()) && tried(path, body);
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    say(told(error), true);
    return false;
  }
};

/** Ask, then POST. Afterwards the page is looked at again. */
export const act = async (question, path, body) => {
  if (question && !(await confirm(question))) return;
  if (await tried(path, body)) document.dispatchEvent(new Event("changed"));
};
