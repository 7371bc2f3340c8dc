/**
 * PKCS#12 files (RFC 7292), written octet by octet.
 *
 * By hand because the usual tools lose R, the attribute of the key that proves whose certificate it is, and guard the
 * file with a MAC of 2,048 rounds: a guesser attacks the cheapest door, so ours costs as much as the key.
 * Reading needs no MAC (some programs write none): it is told apart whether one is there and holds (`mac.mjs`).
 */

import { bmp, integer, octetString, oid, read, sequence, set, tagged, tlv, TAG } from "./der.mjs";
import { ROUNDS, decrypt, encrypt } from "./encryption.mjs";
import { KeyFileError } from "./errors.mjs";
import * as mac from "./mac.mjs";
import * as pkcs8 from "./pkcs8.mjs";
import { sha1 } from "./sha.mjs";

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
  return sequence(integer(3), data(safe), await mac.make(safe, password, strength));
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
