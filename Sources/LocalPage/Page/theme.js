// Dark or light: as the device says, unless somebody chose.

import { tell } from "./store.js";

const key = "loopgate.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** `auto`, `light` or `dark`. */
export function chosenTheme() { return localStorage.getItem(key) ?? "auto"; }

/** Chooses; `auto` follows the device. */
export function chooseTheme(name) {
  localStorage.setItem(key, name);
  applyTheme();
}

/** Puts the theme on the page, and keeps following the device. */
export function applyTheme() {
  const chosen = chosenTheme();
  const isDark = chosen === "dark" || (chosen === "auto" && dark.matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  tell("theme");
}

dark.addEventListener("change", applyTheme);

/** The value of one of the theme's colours, for a canvas. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
