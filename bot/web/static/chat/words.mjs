/**
 * The page's words. Sentences come from the server's catalogue; only named placeholders are filled here.
 */

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Words */

/**
 * @param {Record<string, string>} texts
 * @returns {Words}
 */
export function wordsOf(texts) {
  return (key, values = {}) => {
    const text = texts[key];
    if (text === undefined) throw new Error(`no text for ${key}`);
    return text.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => String(values[name]));
  };
}

// Times are the bank's, not the traveller's: the customer is told "until 3 pm" in the same zone on every channel.
const ZONE = "Asia/Seoul";

/** @param {string} locale */
export function clockOf(locale) {
  const time = new Intl.DateTimeFormat(locale, { timeZone: ZONE, hour: "numeric", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(locale, { timeZone: ZONE, year: "numeric", month: "long", day: "numeric", weekday: "long" });
  const date = new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE }); // 2026-11-22
  return {
    time: (/** @type {string} */ at) => time.format(new Date(at)),
    day: (/** @type {string} */ at) => day.format(new Date(at)),
    date: (/** @type {string} */ at) => date.format(new Date(at)),
  };
}

/** @param {number} octets */
export function sizeText(octets) {
  if (octets < 1024) return `${octets} B`;
  if (octets < 1024 * 1024) return `${(octets / 1024).toFixed(1)} KB`;
  return `${(octets / 1024 / 1024).toFixed(1)} MB`;
}
