/**
 * What has been said, in order, once each. Pure: no document, no network.
 *
 * The same message may arrive by POST and by event stream, in any order; `seq` decides who it is and where it stands.
 * What the customer has just said stands at the end under its own id until the server's copy of it takes its place.
 */

/**
 * @typedef {{value: string, label: string}} Choice
 * @typedef {{seq: number, from: "bot" | "customer", text: string, id?: string, choices?: Choice[],
 *   link?: {url: string, label: string} | null, document?: {url: string, filename: string, size: number} | null,
 *   progress?: [number, number] | null, at: string}} Message
 * @typedef {{id: string, from: "customer", text: string, at: string, state: "sending" | "failed"}} Waiting
 * @typedef {{key: string, message: Message | Waiting, opens: boolean, closes: boolean, newDay: string | null, live: boolean}} Entry
 *   `opens`/`closes`: first/last of its group; `newDay`: the date to announce before it; `live`: its choices may be pressed
 */

const GROUP_MS = 60_000;

export class Thread {
  /** @param {(at: string) => string} dateOf the calendar date of an instant */
  constructor(dateOf) {
    this.dateOf = dateOf;
    /** @type {Map<number, Message>} */
    this.said = new Map();
    /** @type {Map<string, Waiting>} */
    this.waiting = new Map();
    /** Ids whose answer is still to come; the server's copy of the words alone is no answer. @type {Set<string>} */
    this.running = new Set();
  }

  /** @param {Message[]} messages @returns {Message[]} those not seen before */
  take(messages) {
    const fresh = messages.filter((message) => !this.said.has(message.seq));
    for (const message of fresh) {
      this.said.set(message.seq, message);
      if (message.id) this.waiting.delete(message.id);
    }
    return fresh;
  }

  /** @param {string} id @param {string} text @param {string} at */
  hold(id, text, at) {
    this.running.add(id);
    this.waiting.set(id, { id, from: "customer", text, at, state: "sending" });
  }

  /** @param {string} id @param {"sending" | "failed"} state */
  mark(id, state) {
    const held = this.waiting.get(id);
    if (held) held.state = state;
    if (state === "sending") this.running.add(id);
    else this.running.delete(id);
  }

  /** The server has it: its own copy is here, or comes by the event stream. @param {string} id */
  release(id) {
    this.running.delete(id);
    this.waiting.delete(id);
  }

  get busy() {
    return this.running.size > 0;
  }

  /** @returns {Entry[]} */
  entries() {
    const said = [...this.said.values()].sort((a, b) => a.seq - b.seq);
    const all = [...said, ...this.waiting.values()];
    const entries = all.map((message, index) => {
      const before = all[index - 1];
      const opens = !before || !together(before, message) || this.dateOf(before.at) !== this.dateOf(message.at);
      return {
        key: message.id ?? `seq-${/** @type {Message} */ (message).seq}`,
        message,
        opens,
        closes: true,
        newDay: !before || this.dateOf(before.at) !== this.dateOf(message.at) ? message.at : null,
        live: false,
      };
    });
    entries.forEach((entry, index) => (entry.closes = entries[index + 1]?.opens ?? true));
    // The bot's last breath may be several bubbles (an answer, then its own question again): all their buttons count,
    // but those of a step that the secure page has ended are over.
    let index = entries.length - 1;
    let asked = false;
    while (index >= 0 && entries[index].message.from === "bot" && !this.busy) {
      const asks = "progress" in entries[index].message && Boolean(entries[index].message.progress);
      if (asked && asks) break;
      asked ||= asks;
      entries[index].live = true;
      if (entries[index].opens) break;
      index -= 1;
    }
    return entries;
  }
}

/** @param {Message | Waiting} a @param {Message | Waiting} b */
function together(a, b) {
  return a.from === b.from && Math.abs(Date.parse(b.at) - Date.parse(a.at)) < GROUP_MS;
}
