/**
 * The certificate that is being renewed: its files are opened here, and its key signs the request for the new one.
 * What leaves the page is the certificate and the signature. It has a worker of its own, which ends with the signature.
 */

import { Workshop } from "../keys/workshop.mjs";
import { find, fromBase64, page, toBase64, words } from "../page.mjs";

const MOST_FILES = 10;
const LARGEST = 256 * 1024;

const input = () => find("#old-files");
const password = () => find("#old-password");

/** The old key could not be used: a sentence, and which fields to look at again. */
export class OldKeyError extends Error {
  constructor(code) {
    super(words(`check.error.${code}`));
    this.errors = { [code === "wrong_password" ? "old-password" : "old-files"]: this.message };
  }
}

export function bindOldKey() {
  input().addEventListener("change", () => {
    const names = [...input().files].map((file) => file.name).slice(0, 4).join(", ");
    find("#old-chosen").textContent = names && words("old.chosen", { names });
  });
}

/** @returns {Record<string, string>} by id of the field */
export function oldKeyErrors() {
  const errors = {};
  if (!input().files.length) errors["old-files"] = words("old.missing");
  if (!password().value) errors["old-password"] = words("old.no_password");
  return errors;
}

async function read() {
  const files = [...input().files].slice(0, MOST_FILES).filter((file) => file.size <= LARGEST);
  if (!files.length) throw new OldKeyError("too_large");
  return Promise.all(files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
}

/**
 * @param {Uint8Array} csr the request for the new key
 * @returns {Promise<{certificate: string, signature: string}>} base64; the signature is over the page's challenge and `csr`
 * @throws {OldKeyError}
 */
export async function signWithOld(csr) {
  const files = await read();
  const workshop = new Workshop();
  try {
    const { certificate } = await workshop.ask("open", { files, password: password().value });
    const message = new Uint8Array([...fromBase64(page.old.challenge), ...csr]);
    const { signature } = await workshop.ask("answer", { message });
    return { certificate: toBase64(certificate), signature: toBase64(signature) };
  } catch (error) {
    throw new OldKeyError(error.code ?? "failed");
  } finally {
    workshop.close();
  }
}
