/**
 * What the key pages share: the page's data, its words, its views, its voice to the server.
 *
 * Everything a person reads enters the page as text, never as markup.
 */

/** The address of this page, without a slash at its end. */
export const here = location.pathname.replace(/\/$/, "");

export const page = JSON.parse(document.getElementById("page").textContent);

/** The server says no, in words for the customer. */
export class Refusal extends Error {
  /** @param {{error?: string, text?: string, final?: boolean, fields?: string[]}} answer */
  constructor({ error = "", text = "", final = false, fields = [] }) {
    super(text);
    Object.assign(this, { code: error, final, fields });
  }
}

/** No answer that makes sense came back; what was asked may have happened. */
export class Unreachable extends Error {}

/** The sentence `key` with its places filled in. @param {string} key @param {Record<string, unknown>} [values] */
export function words(key, values = {}) {
  return page.texts[key].replace(/\{\{\s*(\w+)[^}]*\}\}/g, (_, name) => String(values[name]));
}

export const find = (selector, within = document) => within.querySelector(selector);

/** @param {string} tag @param {Record<string, unknown>} [properties] @param {...(Node | string)} inside */
export function element(tag, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
}

/** A sign of `signs.svg`, for the eye only: words beside it say the same. */
export function sign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${new URL("./signs.svg", import.meta.url).pathname}#${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Show one view and put the reader at its heading. @param {string} name @returns {HTMLElement} */
export function show(name, { focus = true } = {}) {
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== name;
  const view = find(`[data-view="${name}"]`);
  scrollTo(0, 0);
  if (focus) find("h1", view).focus();
  return view;
}

/** A view of two sentences and at most one thing to do. */
export function stuck(title, text, retry, options) {
  const view = show("stuck", { focus: false });
  find("h1", view).textContent = title;
  find(".lead", view).textContent = text;
  const button = find("button", view);
  if (button) {
    button.hidden = !retry;
    button.onclick = retry ?? null;
  }
  if (options?.focus !== false) find("h1", view).focus();
}

/** Let the buttons "show" turn dots into letters and back, for every password beside them. */
export function bindShowButtons() {
  for (const button of document.querySelectorAll("[data-show]")) {
    const inputs = button.closest("form").querySelectorAll('input[type="password"]');
    button.addEventListener("click", () => {
      const show = inputs[0].type === "password";
      for (const word of button.closest("form").querySelectorAll("[data-show] [data-word]")) {
        word.textContent = words(show ? "password.hide" : "password.show");
      }
      for (const input of inputs) input.type = show ? "text" : "password";
    });
  }
}

/**
 * Mark fields as wrong and say so on top: the list leads to each of them.
 * @param {HTMLElement} view @param {string} summary @param {Record<string, string>} [errors] by id of the field
 */
export function showErrors(view, summary, errors = {}) {
  for (const input of view.querySelectorAll("input[id]")) {
    const text = errors[input.id];
    const place = document.getElementById(`${input.id}-error`);
    if (!place) continue;
    const said = text === summary ? "" : text; // not twice on one screen
    place.textContent = said ?? "";
    place.hidden = !said;
    mark(input, place, Boolean(text), Boolean(said));
    if (text) input.addEventListener("input", () => forgive(input), { once: true });
  }
  const box = find(".problem", view);
  box.hidden = !summary;
  box.replaceChildren();
  if (!summary) return;
  box.append(element("p", { textContent: summary }));
  const links = Object.entries(errors).filter(([, text]) => text && text !== summary);
  if (links.length) {
    box.append(element("ul", {}, ...links.map(([id, text]) => {
      const link = element("a", { href: `#${id}`, textContent: text });
      link.addEventListener("click", (event) => {
        event.preventDefault();
        document.getElementById(id).focus();
      });
      return element("li", {}, link);
    })));
  }
  box.focus();
}

/** @param {HTMLInputElement} input @param {HTMLElement} place what is wrong with it, read out with it when `said` */
function mark(input, place, wrong, said) {
  if (wrong) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const told = new Set((input.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
  told[said ? "add" : "delete"](place.id);
  if (told.size) input.setAttribute("aria-describedby", [...told].join(" "));
  else input.removeAttribute("aria-describedby");
}

/** Somebody answers: what was said of the field before is no longer true. @param {HTMLInputElement} input */
export function forgive(input) {
  const place = document.getElementById(`${input.id}-error`);
  if (!place) return;
  place.hidden = true;
  mark(input, place, false, false);
  const box = input.closest("[data-view]")?.querySelector(".problem");
  box?.querySelector(`a[href="#${input.id}"]`)?.parentElement.remove();
  if (box?.querySelector("ul:empty")) box.hidden = true;
}

/** @param {Uint8Array} bytes */
export const toBase64 = (bytes) => btoa(Array.from(bytes, (octet) => String.fromCharCode(octet)).join(""));
/** @param {string} text */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const PAUSES = [1000, 3000];
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function postOnce(path, body) {
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": page.csrf },
      body: JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout?.(30_000),
    });
    answer = await response.json();
  } catch {
    throw new Unreachable();
  }
  if (response.ok) return answer;
  if (!answer.text) throw new Unreachable();
  throw new Refusal(answer);
}

/**
 * Send, and send the very same again when no answer came: the server does the thing once.
 * @param {string} path @param {object} body @param {() => void} [onAgain]
 * @throws {Refusal | Unreachable}
 */
export async function post(path, body, onAgain = () => {}) {
  for (const wait of PAUSES) {
    try {
      return await postOnce(path, body);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      onAgain();
      await pause(wait);
    }
  }
  return postOnce(path, body);
}

/** A moment as people in Korea read it. @param {string} iso @param {Intl.DateTimeFormatOptions} options */
export function moment(iso, options) {
  return new Intl.DateTimeFormat(page.locale, { timeZone: "Asia/Seoul", ...options }).format(new Date(iso));
}
