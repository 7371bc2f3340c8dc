/**
 * One message as a bubble. Made once; what may change later (group edges, choices, state) is set by `dress`.
 */

import { element, icon, safeUrl } from "./dom.mjs";
import { sizeText } from "./words.mjs";

/**
 * @typedef {import("./thread.mjs").Entry} Entry
 * @typedef {import("./thread.mjs").Message} Message
 * @typedef {{words: import("./words.mjs").Words, time: (at: string) => string,
 *   onChoice: (choice: import("./thread.mjs").Choice) => void, onAgain: (id: string) => void}} Setting
 */

/** @param {Message} message @param {Setting} setting */
export function bubble(message, { words, time, onChoice, onAgain }) {
  const ofBot = message.from === "bot";
  const name = ofBot ? element("p", { class: "name" }, icon("mark"), words("name")) : element("p", { class: "unseen" }, words("you"));
  const parts = [
    message.progress && message.progress[1] > 1 ? progress(message.progress, words) : null,
    message.text ? element("p", { class: "text" }, message.text) : null,
    message.link ? linkCard(message.link, words) : null,
    message.document ? documentCard(message.document, words) : null,
  ];
  const at = element("time", { datetime: message.at }, time(message.at));
  const again = element("button", { class: "again", type: "button", hidden: true, click: () => onAgain(message.id ?? "") }, words("waiting.again"));
  return element(
    "article",
    { class: `message ${message.from}` },
    name,
    element("div", { class: "line" }, element("div", { class: "bubble" }, ...parts), at),
    message.choices?.length ? choices(message.choices, onChoice) : null,
    ofBot ? null : element("p", { class: "fate" }, element("span", {}), again),
  );
}

/** @param {HTMLElement} made by `bubble` @param {Entry} entry @param {Setting} setting */
export function dress(made, entry, { words }) {
  made.classList.toggle("opens", entry.opens);
  made.classList.toggle("closes", entry.closes);
  // Old buttons keep their words and their place, but are no buttons any more. Not removed: a live region would speak again.
  for (const button of made.querySelectorAll(".choices button")) /** @type {HTMLButtonElement} */ (button).disabled = !entry.live;
  made.classList.toggle("live", entry.live);

  // The server's copy of what the customer said is masked where it must be; it is the one that stays.
  const text = made.querySelector(".text");
  if (text && text.textContent !== entry.message.text) text.textContent = entry.message.text;

  const state = "state" in entry.message ? entry.message.state : "sent";
  made.classList.toggle("sending", state === "sending");
  made.classList.toggle("failed", state === "failed");
  const fate = made.querySelector(".fate span");
  const again = /** @type {HTMLElement | null} */ (made.querySelector(".again"));
  if (fate && again) {
    const told = state === "sending" ? words("waiting.sending") : state === "failed" ? words("waiting.failed") : "";
    if (fate.textContent !== told) fate.textContent = told;
    again.hidden = state !== "failed";
  }
}

/** @param {[number, number]} progress @param {import("./words.mjs").Words} words */
function progress([step, total], words) {
  return element(
    "div",
    { class: "progress" },
    element("progress", { value: step, max: total, "aria-hidden": "true" }),
    element("span", { "aria-hidden": "true" }, `${step}/${total}`),
    element("span", { class: "unseen" }, words("progress", { step, total })),
  );
}

/** @param {import("./thread.mjs").Choice[]} offered @param {Setting["onChoice"]} onChoice */
function choices(offered, onChoice) {
  const buttons = offered.map((choice) => element("li", {}, element("button", { type: "button", click: () => onChoice(choice) }, choice.label)));
  return element("ul", { class: "choices" }, ...buttons);
}

/** @param {{url: string, label: string}} link @param {import("./words.mjs").Words} words */
function linkCard(link, words) {
  const url = safeUrl(link.url);
  if (!url) return null;
  const here = url.origin === location.origin;
  return element(
    "div",
    { class: "card" },
    element("p", { class: "card-about" }, icon(here ? "lock" : "leave"), here ? words("link.here") : words("link.elsewhere", { host: url.host })),
    element("a", { class: "card-open", href: url.href, target: "_blank", rel: "noopener" }, link.label, icon("leave")),
  );
}

/** @param {{url: string, filename: string, size: number}} file @param {import("./words.mjs").Words} words */
function documentCard(file, words) {
  const url = safeUrl(file.url);
  if (!url) return null;
  const size = sizeText(file.size);
  return element(
    "div",
    { class: "file" },
    icon("file"),
    element("p", {}, element("span", { class: "file-name" }, file.filename), element("span", { class: "file-size" }, size)),
    element(
      "a",
      { class: "file-take", href: url.href, download: file.filename, "aria-label": words("document.label", { filename: file.filename, size }) },
      icon("download"),
      element("span", {}, words("document.download")),
    ),
  );
}
