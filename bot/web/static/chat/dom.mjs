/**
 * Elements made by hand, so that text is only ever text: nothing here parses HTML.
 */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] functions become listeners; null, undefined and false are left out
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name a symbol of icons.svg; decoration only, so hidden from screen readers */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", new URL(`../icons.svg#${name}`, import.meta.url).href);
  svg.append(use);
  return svg;
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A link target we are ready to put on a page: this origin, or https anywhere. Never javascript:, data: or plain http elsewhere.
 * @param {string} address
 * @returns {URL | null}
 */
export function safeUrl(address) {
  const url = URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  return url && (url.origin === location.origin || url.protocol === "https:") ? url : null;
}
