/**
 * What the customer says, on its way to the server: in order, tried again, always under the same id.
 *
 * The server answers a repeated id with what it answered before, so trying again can never act twice.
 */

/** @typedef {{id: string, text?: string, choice?: string, label?: string}} Saying */
/** @typedef {"later" | "stale" | "refused"} Failure `later`: try again; `stale`: the page has expired; `refused`: not as it is */

const PAUSES_MS = [800, 2000];
const PATIENCE_MS = 30_000;

export class Outgoing {
  /**
   * @param {{url: string, csrf: string, onSent: (saying: Saying, messages: import("./thread.mjs").Message[]) => void,
   *   onFailed: (saying: Saying, failure: Failure) => void}} options
   */
  constructor({ url, csrf, onSent, onFailed }) {
    this.url = url;
    this.csrf = csrf;
    this.onSent = onSent;
    this.onFailed = onFailed;
    this.last = Promise.resolve();
  }

  /** @param {Saying} saying */
  send(saying) {
    // One after the other: two quick messages must not overtake each other.
    this.last = this.last.then(() => this.#deliver(saying));
  }

  /** @param {Saying} saying */
  async #deliver(saying) {
    for (let attempt = 0; ; attempt += 1) {
      const result = await this.#post(saying);
      if (typeof result !== "string") return this.onSent(saying, result);
      if (result !== "later" || attempt >= PAUSES_MS.length || !navigator.onLine) return this.onFailed(saying, result);
      await new Promise((resume) => setTimeout(resume, PAUSES_MS[attempt]));
    }
  }

  /** @param {Saying} saying @returns {Promise<import("./thread.mjs").Message[] | Failure>} */
  async #post(saying) {
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": this.csrf },
        body: JSON.stringify(saying),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (response.ok) return (await response.json()).messages;
      if (response.status === 401 || response.status === 403) return "stale";
      return response.status === 429 || response.status >= 500 ? "later" : "refused";
    } catch {
      return "later";
    }
  }
}

/** A random UUID (RFC 9562 §5.4). `crypto.randomUUID` is missing on plain http, where a demo in the home network runs. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
