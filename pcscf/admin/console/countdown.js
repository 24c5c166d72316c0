// Times that run down here, a second a second, without asking anybody.

import { write } from "./dom.js";
import { NOTHING, span } from "./words.js";

const SOON = 60; // seconds

/** What has to be renewed by then is marked when little is left. */
const show = (element) => {
  const left = (Number(element.dataset.until) - performance.now()) / 1000;
  write(element, span(left));
  element.classList.toggle("soon", left < SOON && "alarms" in element.dataset);
};

/** Let an element count down from so many seconds; null is a time that nobody knows. */
export const wind = (element, seconds, isAlarming = false) => {
  if (isAlarming) element.dataset.alarms = "";
  else delete element.dataset.alarms;
  if (seconds === null || seconds === undefined) {
    delete element.dataset.until;
    element.classList.remove("soon");
    write(element, NOTHING);
    return;
  }
  element.dataset.until = performance.now() + seconds * 1000;
  show(element);
};

/** A column of a table. */
export const countdownColumn = (name, secondsOf, isAlarming = () => false) => ({
  name,
  kind: "number countdown",
  put: (cell, item) => wind(cell, secondsOf(item), isAlarming(item)),
});

setInterval(() => document.querySelectorAll("[data-until]").forEach(show), 1000);
