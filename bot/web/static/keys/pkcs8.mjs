/**
 * PrivateKeyInfo (RFC 5208) with the attribute R that Korean certificates prove their owner by, and its encrypted form.
 *
 * R is the one attribute that is written: a reader in wide use refuses a second one.
 */

import { bitString, integer, octetString, oid, read, sequence, set, tagged, TAG } from "./der.mjs";
import { decrypt, encrypt } from "./encryption.mjs";
import { KeyFileError } from "./errors.mjs";

const RANDOM_NUM = "1.2.410.200004.10.1.1.3";
const RSA = "1.2.840.113549.1.1.1";
const EC = "1.2.840.10045.2.1";
const CURVES = { "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384" };

/**
 * @typedef {{name: "RSASSA-PKCS1-v1_5", hash: "SHA-256"} | {name: "ECDSA", namedCurve: string}} KeyAlgorithm
 *   as WebCrypto's importKey takes it
 */

/** @param {Uint8Array} info @param {Uint8Array} r 20 octets @returns {Uint8Array} */
export function withRandom(info, r) {
  const [, algorithm, key] = read(info).children;
  return sequence(integer(0), algorithm.raw, key.raw, tagged(0, sequence(oid(RANDOM_NUM), set(bitString(r)))));
}

/**
 * @param {Uint8Array} info
 * @returns {{key: Uint8Array, r: Uint8Array | null, algorithm: KeyAlgorithm}} `key` has no attributes: not every
 *   browser imports a key that has some
 */
export function parse(info) {
  const [, algorithm, key, ...rest] = read(info).expect(TAG.sequence).children;
  const [name, parameters] = algorithm.children;
  const attributes = rest.find((part) => part.tag === 0xa0)?.children ?? [];
  const random = attributes.find((attribute) => attribute.children[0].oid === RANDOM_NUM);
  const r = random?.children[1].children[0].expect(TAG.bitString).content.slice(1) ?? null;
  const plain = sequence(integer(0), algorithm.raw, key.raw);
  if (name.oid === RSA) return { key: plain, r, algorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } };
  const namedCurve = name.oid === EC && CURVES[parameters.oid];
  if (!namedCurve) throw new KeyFileError("unsupported");
  return { key: plain, r, algorithm: { name: "ECDSA", namedCurve } };
}

/** EncryptedPrivateKeyInfo under PBES2 with AES-256. */
export async function seal(info, password) {
  const { algorithm, secret } = await encrypt(info, password);
  return sequence(algorithm, octetString(secret));
}

/**
 * Any EncryptedPrivateKeyInfo; octets after it are left alone (real key files have some).
 * @param {Uint8Array} bytes @param {string} password @returns {Promise<Uint8Array>} PrivateKeyInfo
 */
export async function open(bytes, password) {
  const [algorithm, secret] = read(bytes).children;
  const info = await decrypt(algorithm, secret.octets, password);
  try {
    // One padding in 256 looks right by chance: what comes out must also be a key.
    const [version, , key] = read(info).children;
    version.expect(TAG.integer);
    key.expect(TAG.octetString);
  } catch {
    throw new KeyFileError("wrong_password");
  }
  return info;
}
