/**
 * The quick menu: its buttons are choices like those under a message. Escape or a press elsewhere closes it.
 */

import { byId } from "./dom.mjs";

/** @param {(choice: import("./thread.mjs").Choice) => void} choose */
export function startMenu(choose) {
  const menu = byId("menu");
  const opener = byId("menu-open");

  /** @param {boolean} open */
  const set = (open) => {
    menu.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) menu.querySelector("button")?.focus();
  };

  opener.addEventListener("click", () => set(menu.hidden));
  menu.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (!button) return;
    set(false);
    choose({ value: button.value, label: button.textContent ?? "" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    set(false);
    opener.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    const target = /** @type {Node} */ (event.target);
    if (!menu.hidden && !menu.contains(target) && !opener.contains(target)) set(false);
  });
}
