/**
 * What goes from one device to another, as the server may see it.
 *
 * The code of 50 bits is shown on one device and typed on the other. From code and ticket both derive, at the cost of
 * 600,000 rounds a guess, a key (AES-256-GCM) and a proof; only the proof and the ciphertext are sent. The ticket is
 * the salt, so guesses for one transfer are of no use for another. Inside lies a file under its own password.
 */

import { concat } from "../keys/der.mjs";

const ROUNDS = 600_000;
/** Crockford's base 32: no I, L, O or U to be mistaken. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE = 10;
const MEANT = { I: "1", L: "1", O: "0" };
const LABEL = "CertTalk transfer v1";
const NONCE = 12;

const utf8 = (text) => new TextEncoder().encode(text);

export class Damaged extends Error {}

/** @returns {string} ten characters; 32 divides 256, so each is as likely */
export const newCode = () => Array.from(crypto.getRandomValues(new Uint8Array(CODE)), (octet) => ALPHABET[octet % 32]).join("");

/** @returns {string} eight digits */
export function newTicket() {
  const [number] = crypto.getRandomValues(new Uint32Array(1));
  return String(number % 1e8).padStart(8, "0");
}

/** As it is read out: in halves. */
export const halves = (text) => `${text.slice(0, text.length / 2)}-${text.slice(text.length / 2)}`;

/** What somebody typed, as it was meant; "" when it cannot be a code. */
export function readCode(typed) {
  const plain = typed.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z]/g, "").replace(/[ILO]/g, (one) => MEANT[one]);
  return plain.length === CODE && [...plain].every((one) => ALPHABET.includes(one)) ? plain : "";
}

/** Eight digits out of what somebody typed, or "". */
export function readTicket(typed) {
  const digits = typed.normalize("NFKC").replace(/\D/g, "");
  return digits.length === 8 ? digits : "";
}

/** @returns {Promise<{key: CryptoKey, proof: Uint8Array}>} */
export async function derive(code, ticket) {
  const secret = await crypto.subtle.importKey("raw", utf8(code), "PBKDF2", false, ["deriveBits"]);
  const salt = utf8(`${LABEL} ${ticket}`);
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations: ROUNDS }, secret, 512);
  const octets = new Uint8Array(bits);
  const key = await crypto.subtle.importKey("raw", octets.slice(0, 32), "AES-GCM", false, ["encrypt", "decrypt"]);
  return { key, proof: octets.slice(32) };
}

/** @returns {Promise<Uint8Array>} nonce and ciphertext */
export async function seal(key, content) {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE));
  const secret = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(LABEL) }, key, content);
  return concat(iv, new Uint8Array(secret));
}

/** @throws {Damaged} */
export async function open(key, sealed) {
  const parameters = { name: "AES-GCM", iv: sealed.slice(0, NONCE), additionalData: utf8(LABEL) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(parameters, key, sealed.slice(NONCE)));
  } catch {
    throw new Damaged();
  }
}
