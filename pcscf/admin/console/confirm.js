// Asks before something is done that phones feel.

import { button, make } from "./dom.js";

let known = 0;

/** Show a dialog over the page until it is answered; true if `yes` was chosen. */
export const confirm = ({ title, text, yes, isGrave = false }) =>
  new Promise((resolve) => {
    const dialog = make("dialog");
    const heading = make("h2", "", title);
    heading.id = `question-${++known}`;
    dialog.setAttribute("aria-labelledby", heading.id);
    const answer = (given) => () => {
      dialog.returnValue = given;
      dialog.close();
    };
    const no = button("Cancel", answer(""));
    dialog.append(heading, make("p", "", text));
    dialog.append(make("div", "choices", no, button(yes, answer("yes"), isGrave ? "grave" : "main")));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
