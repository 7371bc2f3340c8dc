/**
 * Encryption under a password, as PKCS#8 and PKCS#12 files name it (RFC 8018, RFC 7292 appendix C).
 *
 * Writes one scheme: PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC. Reads that, SEED in the Korean forms, and hands
 * anything else to the library of `old_systems.mjs`, which is fetched only then.
 */

import { concat, integer, nullValue, octetString, oid, sequence } from "./der.mjs";
import { KeyFileError } from "./errors.mjs";
import * as seed from "./seed.mjs";
import { repeat, sha1 } from "./sha.mjs";

/** A guesser pays this for each password; a telephone a third of a second, once. */
export const ROUNDS = 200_000;

export const OID = Object.freeze({
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  aes256: "2.16.840.1.101.3.4.1.42",
  seedCbc: "1.2.410.200004.1.4",
  seedCbcWithSha1: "1.2.410.200004.1.15",
});

/** Old programs name the cipher alone and mean the derivation of NPKI with one vector for everybody. Only read. */
const FIXED_VECTOR = new Set([OID.seedCbc, "1.2.410.200004.1.4.2"]);
const VECTOR = new TextEncoder().encode("0123456789012345");

const HMAC_SHA256 = "1.2.840.113549.2.9";
const HASHES = {
  "1.2.840.113549.2.7": "SHA-1",
  [HMAC_SHA256]: "SHA-256",
  "1.2.840.113549.2.10": "SHA-384",
  "1.2.840.113549.2.11": "SHA-512",
};
const AES_BITS = { "2.16.840.1.101.3.4.1.2": 128, [OID.aes256]: 256 };
const MOST_ROUNDS = 10_000_000;

export const random = (size) => crypto.getRandomValues(new Uint8Array(size));
export const utf8 = (text) => new TextEncoder().encode(text);

/** @param {number} bits how many are derived */
export async function pbkdf2(password, salt, iterations, hash, bits) {
  const secret = await crypto.subtle.importKey("raw", utf8(password), "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt, iterations }, secret, bits));
}

async function aes(direction, key, iv, data) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-CBC", false, [direction]);
  return new Uint8Array(await crypto.subtle[direction]({ name: "AES-CBC", iv }, imported, data));
}

/**
 * The PBKDF1-like derivation of NPKI: SHA-1 over password and salt, over and over.
 * @returns {{key: Uint8Array, iv: Uint8Array}}
 */
export function seedKey(password, salt, rounds) {
  const derived = repeat(sha1, concat(utf8(password), salt), rounds);
  return { key: derived.slice(0, 16), iv: sha1(derived.slice(16, 20)).slice(0, 16) };
}

/**
 * @param {Uint8Array} plain @param {string} password
 * @returns {Promise<{algorithm: Uint8Array, secret: Uint8Array}>} DER AlgorithmIdentifier and the octets it made
 */
export async function encrypt(plain, password) {
  const [salt, iv] = [random(16), random(16)];
  const key = await pbkdf2(password, salt, ROUNDS, "SHA-256", 256);
  const kdf = sequence(octetString(salt), integer(ROUNDS), sequence(oid(HMAC_SHA256), nullValue()));
  const parameters = sequence(sequence(oid(OID.pbkdf2), kdf), sequence(oid(OID.aes256), octetString(iv)));
  return { algorithm: sequence(oid(OID.pbes2), parameters), secret: await aes("encrypt", key, iv, plain) };
}

/** Rounds that somebody else's file asks for. @throws {KeyFileError} */
export function bounded(rounds) {
  if (rounds < 1 || rounds > MOST_ROUNDS) throw new KeyFileError("unsupported");
  return rounds;
}

/** @returns {Promise<Uint8Array | null | undefined>} undefined: not a scheme this file knows; null: wrong password */
async function decryptPbes2([kdf, cipher], secret, password) {
  const [kdfName, kdfParameters] = kdf.children;
  const [cipherName, iv] = cipher.children;
  const bits = cipherName.oid === OID.seedCbc ? 128 : AES_BITS[cipherName.oid];
  if (kdfName.oid !== OID.pbkdf2 || !bits) return undefined;
  const [salt, rounds, ...options] = kdfParameters.children;
  const prf = options.find((option) => option.tag === 0x30);
  const hash = prf ? HASHES[prf.children[0].oid] : "SHA-1"; // RFC 8018 §A.2: absent means HMAC-SHA-1
  if (!hash) return undefined;
  const key = await pbkdf2(password, salt.octets, bounded(rounds.number), hash, bits);
  if (cipherName.oid === OID.seedCbc) return seed.decrypt(key, iv.octets, secret);
  return aes("decrypt", key, iv.octets, secret).catch(() => null);
}

/**
 * @param {import("./der.mjs").Element} algorithm AlgorithmIdentifier @param {Uint8Array} secret @param {string} password
 * @returns {Promise<Uint8Array>}
 * @throws {KeyFileError} wrong_password, unsupported
 */
export async function decrypt(algorithm, secret, password) {
  const [name, parameters] = algorithm.children;
  let plain;
  if (name.oid === OID.seedCbcWithSha1 || FIXED_VECTOR.has(name.oid)) {
    const [salt, rounds] = parameters.children;
    const { key, iv } = seedKey(password, salt.octets, bounded(rounds.number));
    plain = seed.decrypt(key, FIXED_VECTOR.has(name.oid) ? VECTOR : iv, secret);
  } else if (name.oid === OID.pbes2) {
    plain = await decryptPbes2(parameters.children, secret, password);
  }
  if (plain === undefined) plain = await (await import("./old_systems.mjs")).decrypt(algorithm.raw, secret, password);
  if (plain === null) throw new KeyFileError("wrong_password");
  return plain;
}
