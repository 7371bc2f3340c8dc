/** Choosing files on this device: by the two buttons or by dropping them, a folder with all that is in it. */

import { find, forgive, words } from "./page.mjs";

const MOST_FILES = 50;
const LARGEST = 256 * 1024;

/** The files of a dropped folder, down to the last level. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length || found.length > MOST_FILES) return found;
    for (const one of entries) found.push(...(await filesOf(one)));
  }
}

/** What stands in the `#drop` of `templates/choosing.html`. */
export class Choice {
  /** @type {File[]} */
  #files = [];

  constructor() {
    const drop = find("#drop");
    for (const input of [find("#files"), find("#folder")]) {
      input.addEventListener("change", () => this.#take([...input.files]));
    }
    for (const type of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(type, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", type === "dragover");
      });
    }
    drop.addEventListener("drop", async (event) => {
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
      this.#take((await Promise.all(entries.map(filesOf))).flat());
    });
  }

  get empty() {
    return !this.#files.length;
  }

  #take(files) {
    this.#files = files.slice(0, MOST_FILES);
    forgive(find("#files"));
    const names = this.#files.map((file) => file.name).slice(0, 4).join(", ") + (this.#files.length > 4 ? " …" : "");
    find("#chosen").textContent = this.empty ? "" : words("check.chosen", { names });
  }

  /**
   * @returns {Promise<{name: string, bytes: Uint8Array}[]>}
   * @throws {{code: "too_large"}} when none of them can be a certificate's
   */
  async read() {
    const small = this.#files.filter((file) => file.size <= LARGEST);
    if (!small.length) throw Object.assign(new Error(), { code: "too_large" });
    return Promise.all(small.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  }
}
