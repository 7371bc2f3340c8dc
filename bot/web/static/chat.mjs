/**
 * The web chat: brings together what is said (thread), what goes out, what comes in, and what is shown.
 */

import { startComposer } from "./chat/composer.mjs";
import { byId, element } from "./chat/dom.mjs";
import { Events } from "./chat/events.mjs";
import { startMenu } from "./chat/menu.mjs";
import { freshId, Outgoing } from "./chat/outgoing.mjs";
import { Thread } from "./chat/thread.mjs";
import { View } from "./chat/view.mjs";
import { clockOf, wordsOf } from "./chat/words.mjs";

/** @type {{csrf: string, locale: string, texts: Record<string, string>, desk: Record<string, string> | null, demo: boolean}} */
const page = JSON.parse(byId("page").textContent ?? "");
const words = wordsOf(page.texts);
const clock = clockOf(page.locale);
const thread = new Thread(clock.date);
const view = new View({ words, time: clock.time, day: clock.day, onChoice: choose, onAgain: again });

/** What has not reached the server yet, to be said again under the same id. @type {Map<string, import("./chat/outgoing.mjs").Saying>} */
const unsent = new Map();

const outgoing = new Outgoing({
  url: "/chat/say",
  csrf: page.csrf,
  onSent(saying, messages) {
    unsent.delete(saying.id);
    thread.take(messages);
    thread.release(saying.id);
    view.show(thread);
    desk?.refresh();
    // The page's own words change with the language; a reload brings the conversation back in it.
    if (saying.choice === language.value) location.reload();
  },
  onFailed(saying, failure) {
    thread.mark(saying.id, "failed");
    view.show(thread);
    if (!thread.waiting.has(saying.id)) unsent.delete(saying.id); // its copy is here already: it did arrive
    else if (failure === "stale") banner(words("banner.stale"), words("banner.reload"), () => location.reload());
    else if (failure === "refused") banner(words("banner.refused"));
    else if (!connected) banner(words("waiting.sent_again"));
  },
});

let connected = true;
const events = new Events({
  url: "/chat/events",
  onMessage(message) {
    if (thread.take([message]).length) view.show(thread);
  },
  onState(now) {
    connected = now;
    banner(connected ? "" : words("banner.offline"));
    if (connected) for (const id of unsent.keys()) again(id);
  },
});

/** @param {string} text what the customer sees as said @param {{text: string} | {choice: string, label: string}} body */
function say(text, body) {
  const saying = { id: freshId(), ...body };
  unsent.set(saying.id, saying);
  banner("");
  thread.hold(saying.id, text, new Date().toISOString());
  view.show(thread, { toEnd: true });
  outgoing.send(saying);
}

/** @param {import("./chat/thread.mjs").Choice} choice */
function choose(choice) {
  say(choice.label, { choice: choice.value, label: choice.label });
  composer.focus();
}

/** @param {string} id */
function again(id) {
  const saying = unsent.get(id);
  if (!saying || thread.waiting.get(id)?.state !== "failed") return;
  thread.mark(id, "sending");
  view.show(thread);
  outgoing.send(saying);
}

/** @param {string} text @param {string} [action] @param {() => void} [act] */
function banner(text, action, act) {
  const button = action && act ? element("button", { class: "quiet", type: "button", click: act }, action) : null;
  byId("banner").replaceChildren(...(text ? [element("p", {}, text)] : []), ...(button ? [button] : []));
}

const composer = startComposer(/** @type {HTMLFormElement} */ (byId("composer")), (text) => say(text, { text }));
startMenu(choose);
const language = /** @type {HTMLButtonElement} */ (byId("language"));
language.addEventListener("click", () => choose({ value: language.value, label: words("language.say") }));

/** @type {import("./desk.mjs").Desk | null} */
let desk = null;
if (page.desk) {
  const { startDesk } = await import("./desk.mjs");
  desk = startDesk({ words: wordsOf(page.desk), csrf: page.csrf, time: clock.time, insert: composer.insert });
}
events.start();
composer.focus();
