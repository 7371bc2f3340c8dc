/**
 * The thread on the screen: one element per message, kept as long as the message; only what changed is touched.
 */

import { bubble, dress } from "./bubbles.mjs";
import { byId, element } from "./dom.mjs";

const NEAR_PX = 120;
const TYPING_AFTER_MS = 350;
const SETTLED_MS = 600;

export class View {
  /** @param {import("./bubbles.mjs").Setting & {day: (at: string) => string}} setting */
  constructor(setting) {
    this.setting = setting;
    this.scroll = byId("scroll");
    this.log = byId("log");
    this.typing = byId("typing");
    this.jump = byId("jump");
    /** @type {Map<string, HTMLElement>} */
    this.made = new Map();
    this.typingTimer = 0;
    this.settling = 0;
    this.following = true;
    this.lastTop = 0;
    this.jump.addEventListener("click", () => this.toEnd(true));
    this.scroll.addEventListener("scroll", () => this.#watchScroll(), { passive: true });
    // A keyboard that opens, or a composer that grows, must not hide the last words.
    new ResizeObserver(() => this.following && this.toEnd(false)).observe(this.scroll);
  }

  /** Only a person scrolls up; being on the way down, however slowly, is still following. */
  #watchScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (near) this.jump.hidden = true;
    if (near || scrollTop < this.lastTop) this.following = near;
    this.lastTop = scrollTop;
  }

  /** @param {boolean} gently */
  toEnd(gently) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroll.scrollTo({ top: this.scroll.scrollHeight, behavior: gently && !still ? "smooth" : "instant" });
    this.jump.hidden = true;
    this.following = true;
  }

  /** @param {import("./thread.mjs").Thread} thread @param {{toEnd?: boolean}} [options] */
  show(thread, { toEnd = false } = {}) {
    const follow = toEnd || this.following;
    const settled = this.log.getAttribute("aria-busy") !== "true";
    const before = this.made.size;
    const kept = new Map();
    /** @type {Node | null} */
    let place = this.log.firstChild;
    /** @param {string} key @param {() => HTMLElement} make */
    const put = (key, make) => {
      const node = this.made.get(key) ?? make();
      kept.set(key, node);
      if (node === place) place = node.nextSibling;
      else this.log.insertBefore(node, place);
      return node;
    };
    for (const entry of thread.entries()) {
      const { newDay } = entry;
      if (newDay) put(`day-${thread.dateOf(newDay)}`, () => element("p", { class: "day" }, this.setting.day(newDay)));
      dress(put(entry.key, () => bubble(entry.message, this.setting)), entry, this.setting);
    }
    for (const [key, node] of this.made) if (!kept.has(key)) node.remove();
    this.made = kept;

    byId("empty").hidden = kept.size > 0;
    if (!settled) this.#settle();
    this.#showTyping(thread.busy);
    if (follow) this.toEnd(settled);
    else if (kept.size > before) this.jump.hidden = false;
  }

  /** The history that comes first is there to be read, not to be read out. */
  #settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.log.setAttribute("aria-busy", "false"), SETTLED_MS);
  }

  /** @param {boolean} busy */
  #showTyping(busy) {
    if (!busy) {
      clearTimeout(this.typingTimer);
      this.typingTimer = 0;
      this.typing.replaceChildren();
    } else if (!this.typingTimer) {
      // Most turns are over before anybody could read that they run.
      this.typingTimer = setTimeout(() => {
        const dots = element("span", { class: "dots", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
        this.typing.replaceChildren(dots, element("span", { class: "unseen" }, this.setting.words("typing")));
        if (this.following) this.toEnd(true);
      }, TYPING_AFTER_MS);
    }
  }
}
