/**
 * PKCS#12 files (RFC 7292), written octet by octet.
 *
 * By hand because the usual tools lose R, the attribute of the key that proves whose certificate it is, and guard the
 * file with a MAC of 2,048 rounds: a guesser attacks the cheapest door, so ours costs as much as the key.
 * Reading does not check the MAC: whoever holds the file proves the key by signing with it.
 */

import {
  bmp, concat, integer, nullValue, octetString, oid, read, sequence, set, tagged, tlv, utf16, TAG,
} from "./der.mjs";
import { ROUNDS, decrypt, encrypt, random } from "./encryption.mjs";
import { KeyFileError } from "./errors.mjs";
import * as pkcs8 from "./pkcs8.mjs";
import { repeat, sha1, sha256 } from "./sha.mjs";

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const KEY_BAG = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERT_BAG = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
const FRIENDLY_NAME = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID = "1.2.840.113549.1.9.21";

/**
 * How a file is closed: `encrypt` as in `encryption.mjs`, and the MAC's hash and rounds.
 * @typedef {{encrypt: typeof encrypt, hash: "SHA-1" | "SHA-256", rounds: number}} Strength
 */

/** @type {Strength} */
export const STRONG = Object.freeze({ encrypt, hash: "SHA-256", rounds: ROUNDS });

const MAC = {
  "SHA-1": { oid: "1.3.14.3.2.26", digest: sha1 },
  "SHA-256": { oid: "2.16.840.1.101.3.4.2.1", digest: sha256 },
};

/** RFC 7292 §B.2 for a key no longer than one digest, ID 3; both hashes work on blocks of 64 octets. */
function macKey(digest, password, salt, rounds) {
  const fill = (octets) => Uint8Array.from({ length: 64 * Math.ceil(octets.length / 64) }, (_, i) => octets[i % octets.length]);
  const secret = concat(utf16(password), Uint8Array.of(0, 0)); // §B.1: a BMPString and its end mark
  return repeat(digest, concat(new Uint8Array(64).fill(3), fill(salt), fill(secret)), rounds);
}

async function macData(content, password, { hash, rounds }) {
  const salt = random(16);
  const key = macKey(MAC[hash].digest, password, salt, rounds);
  const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", hmac, content));
  return sequence(sequence(sequence(oid(MAC[hash].oid), nullValue()), octetString(mac)), octetString(salt), integer(rounds));
}

const data = (content) => sequence(oid(DATA), tagged(0, octetString(content)));

/**
 * @param {object} contents
 * @param {Uint8Array} contents.info PrivateKeyInfo, R included
 * @param {Uint8Array[]} contents.certificates the key's own first, then its issuers
 * @param {string} contents.name shown by programs; no personal data (a file's outside is not secret)
 * @param {string} password ASCII
 * @param {Strength} [strength]
 * @returns {Promise<Uint8Array>} PFX
 */
export async function make({ info, certificates, name }, password, strength = STRONG) {
  const attributes = set(
    sequence(oid(FRIENDLY_NAME), set(bmp(name))),
    sequence(oid(LOCAL_KEY_ID), set(octetString(sha1(certificates[0])))),
  );
  const certBags = certificates.map((certificate, i) => {
    const value = sequence(oid(X509_CERTIFICATE), tagged(0, octetString(certificate)));
    return sequence(oid(CERT_BAG), tagged(0, value), ...(i === 0 ? [attributes] : []));
  });
  const closed = await strength.encrypt(sequence(...certBags), password);
  const certContent = sequence(oid(DATA), closed.algorithm, tlv(0x80, closed.secret));
  const key = await strength.encrypt(info, password);
  const keyBag = sequence(oid(SHROUDED_KEY_BAG), tagged(0, sequence(key.algorithm, octetString(key.secret))), attributes);
  const safe = sequence(
    sequence(oid(ENCRYPTED_DATA), tagged(0, sequence(integer(0), certContent))),
    data(sequence(keyBag)),
  );
  return sequence(integer(3), data(safe), await macData(safe, password, strength));
}

/** @param {Uint8Array} bytes */
export function looksLike(bytes) {
  const [version, content] = read(bytes).expect(TAG.sequence).children;
  return version.tag === TAG.integer && version.number === 3 && content?.children[0].tag === TAG.oid;
}

async function safeContents(content, password) {
  const [type, { children: [value] }] = content.children;
  if (type.oid === DATA) return read(value.octets).children;
  if (type.oid !== ENCRYPTED_DATA) throw new KeyFileError("unsupported");
  const [, algorithm, secret] = value.children[1].children;
  const plain = await decrypt(algorithm, secret.octets, password);
  try {
    return read(plain).expect(TAG.sequence).children;
  } catch {
    throw new KeyFileError("wrong_password");
  }
}

/**
 * @param {Uint8Array} bytes @param {string} password
 * @returns {Promise<{infos: Uint8Array[], certificates: Uint8Array[]}>} in the order of the file
 */
export async function open(bytes, password) {
  const [, content] = read(bytes).children;
  const safe = read(content.children[1].children[0].octets);
  const found = { infos: [], certificates: [] };
  for (const part of safe.children) {
    for (const bag of await safeContents(part, password)) {
      const [type, { children: [value] }] = bag.children;
      if (type.oid === SHROUDED_KEY_BAG) found.infos.push(await pkcs8.open(value.raw, password));
      else if (type.oid === KEY_BAG) found.infos.push(value.raw);
      else if (type.oid === CERT_BAG) found.certificates.push(read(value.children[1].content).octets);
    }
  }
  return found;
}
