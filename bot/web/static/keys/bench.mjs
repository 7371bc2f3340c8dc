/**
 * What the pages ask of keys. The private key and the password stay here, in the worker, and end with it.
 *
 * Every operation takes and gives plain values, so it makes no difference to a page whether a worker runs it.
 */

import { DerError } from "./der.mjs";
import { random } from "./encryption.mjs";
import { KeyFileError } from "./errors.mjs";
import { read } from "./files.mjs";
import * as npki from "./npki.mjs";
import * as pkcs12 from "./pkcs12.mjs";
import * as pkcs8 from "./pkcs8.mjs";
import { belongs, exportPrivate, generate, request, sign } from "./signing.mjs";

/**
 * A certificate's files; `caPubs` null when its issuers are not known, the encryption pair where there is one.
 * @typedef {{signCert: Uint8Array, signPri: Uint8Array, caPubs: Uint8Array | null, p12: Uint8Array,
 *   kmCert?: Uint8Array, kmPri?: Uint8Array}} Files
 */

/**
 * The key in hand; `other` is the encryption pair that came with it.
 * @type {{info: Uint8Array, password: string, certificates: Uint8Array[], name: string,
 *   other?: {info: Uint8Array, certificate: Uint8Array} | null} | null}
 */
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
 * @returns {Promise<Files>}
 */
export async function finish({ certificate, chain, name }) {
  if (!(await belongs(held.info, certificate))) throw new KeyFileError("mismatch");
  held.certificates = [certificate, ...chain];
  held.name = name;
  return written(certificate, chain);
}

async function written(signCert, chain) {
  return {
    signCert,
    signPri: npki.signPriKey(held.info, held.password),
    caPubs: chain.length ? npki.caPubs(chain) : null,
    p12: await pkcs12.make(held, held.password),
  };
}

/** The same as a file for old systems. */
export async function compatible() {
  const { COMPATIBLE } = await import("./old_systems.mjs");
  return { p12: await pkcs12.make(held, held.password, COMPATIBLE) };
}

/**
 * Open a customer's own files and take the key in hand.
 * @param {{files: import("./files.mjs").File[], password: string}} chosen
 * @returns {Promise<import("./files.mjs").Pair & {r: Uint8Array | null}>} without the private key
 */
export async function open({ files, password }) {
  const { info, ...found } = await read({ files, password });
  const { r } = pkcs8.parse(info);
  held = { info, password, certificates: [found.certificate, ...found.chain], name: "", other: found.other };
  return { certificate: found.certificate, chain: found.chain, form: found.form, mac: found.mac, r };
}

/**
 * What was opened as new files; under `next`, when the password shall be another one.
 * @param {{next?: string, name: string}} wish `name` is shown by programs
 * @returns {Promise<Files>}
 * @throws {KeyFileError} password_alphabet: what is written must open everywhere
 */
export async function pack({ next = held.password, name }) {
  if (!/^[ -~]+$/.test(next)) throw new KeyFileError("password_alphabet");
  held.password = next;
  held.name = name;
  const [signCert, ...chain] = held.certificates;
  const { info, certificate } = held.other ?? {};
  return {
    ...(await written(signCert, chain)),
    ...(info && { kmCert: certificate, kmPri: npki.signPriKey(info, next) }),
  };
}

/** @param {{message: Uint8Array}} challenge */
export async function answer({ message }) {
  return { signature: await sign(held.info, message) };
}

/** @param {string} name of an operation @returns {Promise<{result: any} | {code: string}>} */
export async function run(name, parameters) {
  try {
    return { result: await { create, resume, finish, compatible, open, pack, answer }[name](parameters) };
  } catch (error) {
    if (error instanceof KeyFileError) return { code: error.code };
    return { code: error instanceof DerError ? "unreadable" : "failed" };
  }
}
