// The console: shows the view that the address names, and asks for its data again and again.

import { Refused, Unauthorised, Unreachable, get, path } from "./api.js";
import { banner, noBanner } from "./banner.js";
import { Beat } from "./beat.js";
import { blocked } from "./blocked.js";
import { at, link } from "./dom.js";
import { drops } from "./drops.js";
import { showStatus } from "./head.js";
import { hops } from "./hops.js";
import { phone } from "./phone.js";
import { phones } from "./phones.js";
import { hrefOf, parse } from "./route.js";
import { sas } from "./sas.js";
import "./scheme.js";
import { service } from "./service.js";
import { signIn } from "./sign_in.js";
import { trace } from "./trace.js";
import { clock } from "./words.js";

const VIEWS = { phones, phone, sas, "next-hops": hops, blocked, drops, trace, service };
const NAVIGATION = [
  ["phones", "Phones"], ["sas", "SAs"], ["next-hops", "Next hops"], ["blocked", "Blocked"],
  ["drops", "Drops"], ["trace", "Trace"], ["service", "Service"],
];
const LONGEST_PAUSE = 10; // seconds

let view = null;
let seen = null; // when the P-CSCF last answered

const look = async (signal) => {
  const shown = view;
  const status = await get(path("status"), signal);
  showStatus(status);
  const pause = await shown.refresh(signal, status);
  seen = Date.now();
  noBanner();
  return pause;
};

const failed = (error, times) => {
  if (error instanceof Unauthorised) {
    banner("The admin side asks for a token.", "Enter token", enter);
    enter();
    return null;
  }
  const as = seen ? ` What is shown is of ${clock(seen)}.` : "";
  if (error instanceof Refused) banner(`The P-CSCF refuses: ${error.message}.${as}`, "Try now", again);
  else if (error instanceof Unreachable) banner(`The P-CSCF ${error.message}. Trying again.${as}`, "Try now", again);
  else throw error;
  return Math.min(LONGEST_PAUSE, 2 ** (times - 1));
};

const beat = new Beat(look, failed);
const again = () => beat.now();

const enter = async () => {
  if (await signIn()) again();
};

const mark = (name) => {
  for (const one of at("views").children) {
    if (one.dataset.view === name) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
};

const show = () => {
  const route = parse(location.hash);
  view?.leave?.();
  view = (Object.hasOwn(VIEWS, route.view) ? VIEWS[route.view] : phones)(route, again);
  at("main").replaceChildren(view.element);
  document.title = `${view.title} \u2013 P-CSCF`;
  mark(route.view === "phone" ? "phones" : route.view);
  window.scrollTo(0, 0);
  again();
};

const press = (event) => {
  const isTyping = event.target.closest("input, select, textarea, dialog");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (!view.focus) {
    history.pushState(null, "", hrefOf("phones"));
    show();
  }
  view.focus.focus();
};

for (const [name, text] of NAVIGATION) {
  const one = link(text, hrefOf(name));
  one.dataset.view = name;
  at("views").append(one);
}
at("skip").addEventListener("click", () => at("main").focus());
addEventListener("hashchange", show);
document.addEventListener("changed", again);
document.addEventListener("keydown", press);
show();
