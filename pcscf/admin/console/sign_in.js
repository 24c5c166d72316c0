// Asks for the token, when the API wants one.

import { button, make } from "./dom.js";
import { keepToken, token } from "./token.js";

let asked = null;

const field = () => {
  const input = make("input");
  input.type = "password";
  input.autocomplete = "off";
  input.required = true;
  return input;
};

const askOnce = () =>
  new Promise((resolve) => {
    const input = field();
    const dialog = make("dialog");
    dialog.setAttribute("aria-label", "Token");
    const form = make("form", "", make("h2", "", "Token"));
    const why = token() ? "That token is not the right one." : "This P-CSCF asks for the token of its admin side.";
    form.append(make("p", "", why), make("label", "", "Token", input));
    form.append(make("p", "small", "It is what admin.token_file holds, and is kept until this tab is closed."));
    const enter = make("button", "main", "Enter");
    form.append(make("div", "choices", button("Cancel", () => dialog.close()), enter));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keepToken(input.value.trim());
      dialog.returnValue = "entered";
      dialog.close();
    });
    dialog.append(form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "entered");
    });
    document.body.append(dialog);
    dialog.showModal();
  });

/** Resolve to whether a token was entered. Who asks while the dialog is open gets its answer too. */
export const signIn = () => {
  asked ??= askOnce().finally(() => (asked = null));
  return asked;
};
