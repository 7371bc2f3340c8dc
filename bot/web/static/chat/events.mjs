/**
 * The stream of messages, kept alive across restarts of the server, lost networks and sleeping phones.
 *
 * Every connection asks for what came after the last event *of the stream*. What a POST brought does not count:
 * a notice may have been said between the two, and would be lost.
 */

const QUIET_MS = 2000;
const SLEEP_MS = 30_000;
const LONGEST_MS = 30_000;

export class Events {
  /**
   * @param {{url: string, onMessage: (message: import("./thread.mjs").Message) => void,
   *   onState: (connected: boolean) => void}} options
   */
  constructor({ url, onMessage, onState }) {
    this.url = url;
    this.onMessage = onMessage;
    this.onState = onState;
    this.after = 0;
    this.failures = 0;
    this.hiddenAt = 0;
    /** @type {EventSource | null} */
    this.source = null;
    this.retry = 0;
    this.alarm = 0;
  }

  start() {
    addEventListener("online", () => this.#open());
    addEventListener("offline", () => this.onState(false));
    addEventListener("pageshow", (event) => event.persisted && this.#open());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.hiddenAt = Date.now();
      // A phone that slept may hold a dead connection that still looks open.
      else if (this.source?.readyState !== EventSource.OPEN || Date.now() - this.hiddenAt > SLEEP_MS) this.#open();
    });
    this.#open();
  }

  #open() {
    clearTimeout(this.retry);
    this.source?.close();
    const source = new EventSource(`${this.url}?after=${this.after}&lang=${document.documentElement.lang}`);
    this.source = source;
    source.addEventListener("open", () => {
      clearTimeout(this.alarm);
      this.alarm = 0;
      this.failures = 0;
      this.onState(true);
    });
    source.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      this.after = Math.max(this.after, message.seq);
      this.onMessage(message);
    });
    source.addEventListener("error", () => {
      // The browser's own retry would repeat the old `after`, and gives up on an HTTP error.
      source.close();
      // A restart of the server takes a moment; nobody needs to be told of a moment.
      if (!this.alarm) this.alarm = setTimeout(() => this.onState(false), QUIET_MS);
      const pause = Math.min(LONGEST_MS, 500 * 2 ** this.failures) * (0.75 + Math.random() / 2);
      this.failures += 1;
      this.retry = setTimeout(() => this.#open(), pause);
    });
  }
}
