// The line below the head that says what keeps this page from seeing anything.

import { at, write } from "./dom.js";

let act = null;

export const banner = (text, label, then) => {
  act = then;
  write(at("banner-text"), text);
  write(at("banner-act"), label);
  at("banner").hidden = false;
};

export const noBanner = () => {
  at("banner").hidden = true;
};

at("banner-act").addEventListener("click", () => act?.());
