/**
 * What the pages ask of keys. The private key and the password stay here, in the worker, and end with it.
 *
 * Every operation takes and gives plain values, so it makes no difference to a page whether a worker runs it.
 */

import { DerError, TAG, read } from "./der.mjs";
import { random } from "./encryption.mjs";
import { KeyFileError } from "./errors.mjs";
import * as npki from "./npki.mjs";
import * as pkcs12 from "./pkcs12.mjs";
import * as pkcs8 from "./pkcs8.mjs";
import { belongs, exportPrivate, generate, request, sign } from "./signing.mjs";

/** The key in hand. @type {{info: Uint8Array, password: string, certificates: Uint8Array[], name: string} | null} */
let held = null;

/**
 * A new key pair. `sealed` is the key under the password: what a page may keep until the certificate arrives.
 * @param {{key: object, password: string}} wish
 * @returns {Promise<{csr: Uint8Array, r: Uint8Array, sealed: Uint8Array}>}
 */
export async function create({ key, password }) {
  const pair = await generate(key);
  const r = random(20);
  const info = pkcs8.withRandom(await exportPrivate(pair), r);
  held = { info, password, certificates: [], name: "" };
  return { csr: await request(pair), r, sealed: await pkcs8.seal(info, password) };
}

/** Take up the key that was sealed before. @param {{sealed: Uint8Array, password: string}} kept */
export async function resume({ sealed, password }) {
  const info = await pkcs8.open(sealed, password);
  held = { info, password, certificates: [], name: "" };
  return { r: pkcs8.parse(info).r };
}

/**
 * The certificate has come: make the files.
 * @param {{certificate: Uint8Array, chain: Uint8Array[], name: string}} issued `name` is shown by programs
 * @returns {Promise<{signCert: Uint8Array, signPri: Uint8Array, caPubs: Uint8Array, p12: Uint8Array}>}
 */
export async function finish({ certificate, chain, name }) {
  if (!(await belongs(held.info, certificate))) throw new KeyFileError("mismatch");
  held.certificates = [certificate, ...chain];
  held.name = name;
  return {
    signCert: certificate,
    signPri: npki.signPriKey(held.info, held.password),
    caPubs: npki.caPubs(chain),
    p12: await pkcs12.make(held, held.password),
  };
}

/** The same as a file for old systems. */
export async function compatible() {
  const { COMPATIBLE } = await import("./old_systems.mjs");
  return { p12: await pkcs12.make(held, held.password, COMPATIBLE) };
}

function fromPem(bytes) {
  const body = new TextDecoder().decode(bytes).match(/-----BEGIN [A-Z0-9 ]+-----([A-Za-z0-9+/=\s]+)-----END/);
  return body ? Uint8Array.from(atob(body[1].replace(/\s/g, "")), (character) => character.charCodeAt(0)) : bytes;
}

/** What a file is, by its content. @returns {"pfx" | "certificate" | "key" | null} */
function kind(bytes) {
  try {
    const { children } = read(bytes).expect(TAG.sequence);
    if (children.length === 2 && children[1].tag === TAG.octetString) return "key";
    if (children[0].tag === TAG.integer) return pkcs12.looksLike(bytes) ? "pfx" : null;
    return children.length === 3 && children[2].tag === TAG.bitString ? "certificate" : null;
  } catch {
    return null;
  }
}

/** The pairs in a choice of files. Encryption pairs (kmCert, kmPri) sign nothing and are left out. */
async function contents(files, password) {
  const found = { infos: [], certificates: [] };
  const known = files
    .filter(({ name }) => !/^km(cert|pri)\./i.test(name))
    .map(({ bytes }) => fromPem(bytes))
    .map((bytes) => ({ bytes, kind: kind(bytes) }));
  if (!known.some((file) => file.kind)) throw new KeyFileError("unreadable");
  for (const { bytes, kind: what } of known) {
    if (what === "certificate") found.certificates.push(bytes);
    if (what === "key") found.infos.push(await pkcs8.open(bytes, password));
    if (what === "pfx") {
      const inside = await pkcs12.open(bytes, password);
      found.infos.push(...inside.infos);
      found.certificates.push(...inside.certificates);
    }
  }
  return found;
}

/**
 * Open a customer's own files.
 * @param {{files: {name: string, bytes: Uint8Array}[], password: string}} chosen
 * @returns {Promise<{certificate: Uint8Array, r: Uint8Array | null}>}
 */
export async function open({ files, password }) {
  const { infos, certificates } = await contents(files, password);
  if (!infos.length) throw new KeyFileError("no_key");
  if (!certificates.length) throw new KeyFileError("no_certificate");
  for (const info of infos) {
    for (const certificate of certificates) {
      if (!(await belongs(info, certificate))) continue;
      held = { info, password: "", certificates: [certificate], name: "" };
      return { certificate, r: pkcs8.parse(info).r };
    }
  }
  throw new KeyFileError("mismatch");
}

/** @param {{message: Uint8Array}} challenge */
export async function answer({ message }) {
  return { signature: await sign(held.info, message) };
}

/** @param {string} name of an operation @returns {Promise<{result: any} | {code: string}>} */
export async function run(name, parameters) {
  try {
    return { result: await { create, resume, finish, compatible, open, answer }[name](parameters) };
  } catch (error) {
    if (error instanceof KeyFileError) return { code: error.code };
    return { code: error instanceof DerError ? "unreadable" : "failed" };
  }
}
