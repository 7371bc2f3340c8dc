/**
 * A page's door to `bench.mjs`: in a worker, or in the page itself where a browser cannot start one.
 */

import { KeyFileError } from "./errors.mjs";

export class Workshop {
  #waiting = new Map();
  #count = 0;
  #worker;

  constructor() {
    try {
      this.#worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
    } catch {
      return;
    }
    this.#worker.addEventListener("message", ({ data }) => {
      this.#waiting.get(data.id)?.resolve(data);
      this.#waiting.delete(data.id);
    });
    this.#worker.addEventListener("error", () => {
      // It did not even start (an old browser): what was asked is done here.
      const asked = [...this.#waiting.values()];
      this.#waiting.clear();
      this.close();
      for (const { name, parameters, resolve } of asked) this.#here(name, parameters).then(resolve);
    });
  }

  async #here(name, parameters) {
    return (await import("./bench.mjs")).run(name, parameters);
  }

  /** @param {string} name @param {object} [parameters] @throws {KeyFileError} */
  async ask(name, parameters = {}) {
    const id = ++this.#count;
    const answered = this.#worker
      ? new Promise((resolve) => {
          this.#waiting.set(id, { name, parameters, resolve });
          this.#worker.postMessage({ id, name, parameters });
        })
      : this.#here(name, parameters);
    const { result, code } = await answered;
    if (code) throw new KeyFileError(code);
    return result;
  }

  /** Forget the key and the password. */
  close() {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}
