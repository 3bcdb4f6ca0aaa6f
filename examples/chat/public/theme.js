/* Applies the chosen theme before the first paint, so the page never flashes in the other one. */
"use strict";

const theme = {
  system: window.matchMedia("(prefers-color-scheme: dark)"),

  /* "light", "dark", or null while the page follows the system. */
  get chosen() {
    try {
      return localStorage.getItem("chat.theme");
    } catch {
      return null;
    }
  },

  get current() {
    return this.chosen ?? (this.system.matches ? "dark" : "light");
  },

  apply() {
    document.documentElement.dataset.theme = this.current;
  },

  /* A choice equal to the system's is not kept: the page goes back to following it. */
  toggle() {
    const next = this.current === "dark" ? "light" : "dark";
    const system = this.system.matches ? "dark" : "light";
    try {
      if (next === system) localStorage.removeItem("chat.theme");
      else localStorage.setItem("chat.theme", next);
    } catch { /* without storage the choice lasts as long as the page */ }
    document.documentElement.dataset.theme = next;
    return next;
  },
};

theme.apply();
theme.system.addEventListener("change", () => theme.apply());
window.chatTheme = theme;
