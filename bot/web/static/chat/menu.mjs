/**
 * The quick menu: says the words on its buttons. Escape or a press elsewhere closes it.
 */

import { byId } from "./dom.mjs";

/** @param {(text: string) => void} say */
export function startMenu(say) {
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
    say(button.textContent ?? "");
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
