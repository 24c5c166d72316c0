// Light or dark: as the system says, until the button is pressed.

import { at } from "./dom.js";

const NAME = "pcscf-scheme";
const root = document.documentElement;

const isDark = () => {
  const chosen = root.dataset.scheme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

const chosen = localStorage.getItem(NAME);
if (chosen) root.dataset.scheme = chosen;

at("scheme").addEventListener("click", () => {
  root.dataset.scheme = isDark() ? "light" : "dark";
  localStorage.setItem(NAME, root.dataset.scheme);
});
