/**
 * The demo desk: the fictional customer's phone, security card and OTP token beside the chat.
 *
 * Asks the server every 1.5 s while the page can be seen; each part is redrawn only when it changed, so that a
 * selection or the keyboard's place survives.
 */

import { byId, element, icon } from "./chat/dom.mjs";

/**
 * @typedef {{id: string, name: string, note: string}} Person
 * @typedef {{customer: Person, customers: Person[], phone: {number: string, messages: {at: string, text: string}[]},
 *   card: {serial: string, cells: Record<string, string>} | null, otp: {code: string, seconds_left: number} | null,
 *   holder: string, accounts: string[], clock: string}} Demo
 * @typedef {{refresh: () => void}} Desk
 */

const EVERY_MS = 1500;

/**
 * @param {{words: import("./chat/words.mjs").Words, csrf: string, time: (at: string) => string, insert: (text: string) => void}} options
 * @returns {Desk}
 */
export function startDesk({ words, csrf, time, insert }) {
  const drawer = startDrawer(words);
  /** @type {Demo | null} */
  let shown = null;
  /** @type {{code: string, until: number} | null} */
  let token = null;
  let timer = 0;
  let asked = 0;

  /** @param {string} value @param {string} [looks] */
  const valueRow = (value, looks = value) => [
    element("span", { class: "value" }, looks),
    element("button", { class: "small", type: "button", "aria-label": words("insert_label", { value }), click: () => (drawer.set(false), insert(value)) }, words("insert")),
    copyButton(value, words),
  ];

  /** @type {Record<string, (demo: Demo) => void>} each part draws what it names from the answer */
  const parts = {
    customer({ customer }) {
      byId("desk-customer").replaceChildren(element("p", { class: "person" }, element("strong", {}, customer.name), element("span", {}, customer.note)));
    },
    holder({ holder }) {
      byId("desk-holder").replaceChildren(element("li", {}, ...valueRow(holder)));
    },
    accounts({ accounts }) {
      const rows = accounts.map((account) => element("li", {}, ...valueRow(account)));
      byId("desk-accounts").replaceChildren(...(rows.length ? rows : [element("li", { class: "about" }, words("customer.no_accounts"))]));
    },
    customers({ customers, customer }) {
      const rows = customers
        .filter((person) => person.id !== customer.id)
        .map((person) =>
          element("li", {}, element("button", { type: "button", click: () => change(person.id) }, element("strong", {}, person.name), element("span", {}, person.note))),
        );
      byId("desk-others").querySelector("ul")?.replaceChildren(...rows);
    },
    phone({ phone }) {
      byId("desk-number").textContent = phone.number;
      const newest = [...phone.messages].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
      const known = shown?.phone.messages.length ?? newest.length;
      const rows = newest.map(({ at, text }, index) => {
        const code = /(?<!\d)\d{6}(?!\d)/.exec(text)?.[0];
        const values = code ? element("div", { class: "values" }, ...valueRow(code)) : null;
        return element("li", { class: index < newest.length - known ? "sms new" : "sms" }, element("time", { datetime: at }, time(at)), element("p", {}, text), values);
      });
      byId("desk-inbox").replaceChildren(...(rows.length ? rows : [element("li", { class: "about" }, words("phone.empty"))]));
      if (newest.length > known) drawer.news(newest.length - known);
    },
    card({ card }) {
      const section = byId("desk-card");
      section.hidden = !card;
      if (!card) return;
      /** @type {HTMLElement} */ (section.querySelector(".aside")).textContent = words("card.serial", { serial: card.serial });
      const cells = Object.entries(card.cells).sort(([a], [b]) => Number(a) - Number(b));
      section.querySelector("ol")?.replaceChildren(
        ...cells.map(([cell, digits]) =>
          element(
            "li",
            {},
            element("span", { class: "cell", "aria-hidden": "true" }, cell),
            element("span", { class: "unseen" }, words("card.cell", { cell })),
            element("span", { class: "half" }, digits.slice(0, 2)),
            element("span", { class: "half" }, digits.slice(2)),
          ),
        ),
      );
    },
    clock({ clock }) {
      /** @type {HTMLInputElement} */ (byId("desk-date")).value = clock.slice(0, 10);
    },
  };

  /** @param {Demo} demo */
  const show = (demo) => {
    for (const [name, draw] of Object.entries(parts)) {
      const key = /** @type {keyof Demo} */ (name);
      if (JSON.stringify(shown?.[key]) !== JSON.stringify(demo[key])) draw(demo);
    }
    shown = demo;
    if (demo.otp?.code !== token?.code) {
      byId("desk-otp").querySelector(".values")?.replaceChildren(...(demo.otp ? valueRow(demo.otp.code, demo.otp.code.replace(/(...)(...)/, "$1 $2")) : []));
    }
    token = demo.otp && { code: demo.otp.code, until: Date.now() + demo.otp.seconds_left * 1000 };
    byId("desk-otp").hidden = !token;
    tick();
  };

  const tick = () => {
    if (!token) return;
    const left = Math.max(0, Math.round((token.until - Date.now()) / 1000));
    const section = byId("desk-otp");
    section.querySelector(".left")?.setAttribute("stroke-dashoffset", String(30 - Math.min(30, left)));
    /** @type {HTMLElement} */ (section.querySelector(".aside")).textContent = words("otp.left", { seconds: left });
  };

  const refresh = async () => {
    clearTimeout(timer);
    asked += 1;
    const mine = asked;
    try {
      const demo = await (await call("/demo/desk", csrf)).json();
      if (mine !== asked) return; // a later question is on its way; its answer is newer
      show(demo);
      byId("desk-trouble").textContent = "";
    } catch {
      if (mine !== asked) return;
      byId("desk-trouble").textContent = words("trouble");
    }
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  };

  /** @param {string} customer */
  const change = async (customer) => {
    try {
      await call("/demo/switch", csrf, { customer });
      location.reload(); // another customer is another conversation
    } catch {
      byId("desk-trouble").textContent = words("trouble");
    }
  };

  const clockForm = /** @type {HTMLFormElement} */ (byId("desk-clock"));
  clockForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = /** @type {HTMLElement} */ (clockForm.querySelector("output"));
    try {
      const date = /** @type {HTMLInputElement} */ (byId("desk-date")).value;
      told.textContent = (await (await call("/demo/clock", csrf, { date })).json()).text;
      refresh();
    } catch {
      told.textContent = words("clock.failed");
    }
  });

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
  setInterval(tick, 1000);
  refresh();
  return { refresh };
}

/** @param {string} url @param {string} csrf @param {object} [body] a body makes it a POST */
async function call(url, csrf, body) {
  const post = { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body: JSON.stringify(body) };
  const response = await fetch(url, body ? post : {});
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}

/** @param {string} value @param {import("./chat/words.mjs").Words} words */
function copyButton(value, words) {
  // The clipboard needs a secure context; on plain http in the home network there is none.
  if (!navigator.clipboard) return null;
  const label = element("span", { class: "unseen", role: "status" });
  const button = element("button", { class: "small", type: "button", "aria-label": words("copy_label", { value }), title: words("copy") }, icon("copy"));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(value);
    button.classList.add("done");
    label.textContent = words("copied");
    setTimeout(() => (button.classList.remove("done"), (label.textContent = "")), 1500);
  });
  return element("span", { class: "copy" }, button, label);
}

/** On a narrow screen the desk is a drawer behind a button with a badge. @param {import("./chat/words.mjs").Words} words */
function startDrawer(words) {
  const desk = byId("desk");
  const opener = byId("desk-open");
  const badge = /** @type {HTMLElement} */ (opener.querySelector(".badge"));
  const beside = () => getComputedStyle(opener).display === "none";
  let unread = 0;

  const count = (/** @type {number} */ value) => {
    unread = value;
    badge.hidden = unread === 0;
    badge.textContent = String(unread);
    if (unread) opener.setAttribute("aria-label", words("open_new", { count: unread }));
    else opener.removeAttribute("aria-label");
  };
  const set = (/** @type {boolean} */ open) => {
    if (desk.classList.contains("open") === open) return;
    desk.classList.toggle("open", open);
    opener.setAttribute("aria-expanded", String(open));
    if (open) count(0);
    (open ? desk : opener).focus();
  };

  opener.addEventListener("click", () => set(!desk.classList.contains("open")));
  byId("desk-close").addEventListener("click", () => set(false));
  addEventListener("keydown", (event) => event.key === "Escape" && set(false));
  return {
    set,
    /** @param {number} more */
    news(more) {
      byId("desk-news").replaceChildren(element("span", {}, words("phone.arrived")));
      if (!beside() && !desk.classList.contains("open")) count(unread + more);
    },
  };
}
