/**
 * The MAC of a PKCS#12 file (RFC 7292 §4, appendix B; RFC 9579 for PBMAC1): ours is written, anybody's is checked.
 */

import { concat, equal, integer, nullValue, octetString, oid, read, sequence, utf16 } from "./der.mjs";
import { bounded, pbkdf2, random } from "./encryption.mjs";
import { KeyFileError } from "./errors.mjs";
import { repeat, sha1, sha256 } from "./sha.mjs";

const PBMAC1 = "1.2.840.113549.1.5.14";
const OIDS = { "SHA-1": "1.3.14.3.2.26", "SHA-256": "2.16.840.1.101.3.4.2.1" };
const HASHES = {
  [OIDS["SHA-1"]]: "SHA-1",
  [OIDS["SHA-256"]]: "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
};
const HMACS = {
  "1.2.840.113549.2.7": "SHA-1",
  "1.2.840.113549.2.9": "SHA-256",
  "1.2.840.113549.2.10": "SHA-384",
  "1.2.840.113549.2.11": "SHA-512",
};

async function rounds(hash, message, times) {
  if (hash === "SHA-1") return repeat(sha1, message, times);
  if (hash === "SHA-256") return repeat(sha256, message, times);
  let digest = message; // rare, and files that have it say 2,048
  for (let i = 0; i < times; i++) digest = new Uint8Array(await crypto.subtle.digest(hash, digest));
  return digest;
}

/** RFC 7292 §B.2 for a key no longer than one digest, ID 3. */
function keyFor(hash, password, salt, times) {
  const block = hash === "SHA-1" || hash === "SHA-256" ? 64 : 128;
  const fill = (octets) =>
    Uint8Array.from({ length: block * Math.ceil(octets.length / block) }, (_, i) => octets[i % octets.length]);
  const secret = concat(utf16(password), Uint8Array.of(0, 0)); // §B.1: a BMPString and its end mark
  return rounds(hash, concat(new Uint8Array(block).fill(3), fill(salt), fill(secret)), times);
}

async function hmac(hash, key, content) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, content));
}

/**
 * @param {Uint8Array} content of the AuthenticatedSafe @param {string} password
 * @param {{hash: "SHA-1" | "SHA-256", rounds: number}} strength
 * @returns {Promise<Uint8Array>} MacData
 */
export async function make(content, password, { hash, rounds: times }) {
  const salt = random(16);
  const mac = await hmac(hash, await keyFor(hash, password, salt, times), content);
  return sequence(sequence(sequence(oid(OIDS[hash]), nullValue()), octetString(mac)), octetString(salt), integer(times));
}

/** RFC 9579 §4: the key comes from the password in UTF-8, and the outer salt and rounds mean nothing. */
async function pbmac1([kdf, mac], content, password) {
  const [salt, times, ...options] = kdf.children[1].children;
  const prf = options.find((option) => option.tag === 0x30);
  const length = options.find((option) => option.tag === 0x02);
  const [hash, hashOfMac] = [prf ? HMACS[prf.children[0].oid] : "SHA-1", HMACS[mac.children[0].oid]];
  if (!hash || !hashOfMac || !length) throw new KeyFileError("unsupported");
  const key = await pbkdf2(password, salt.octets, bounded(times.number), hash, 8 * length.number);
  return hmac(hashOfMac, key, content);
}

/**
 * @param {Uint8Array} pfx @param {string} password the right one: it has opened what is inside
 * @returns {Promise<boolean | null>} whether the file is as it was written; null when it has no MAC
 * @throws {KeyFileError} unsupported
 */
export async function check(pfx, password) {
  const [, content, data] = read(pfx).children;
  if (!data) return null;
  const safe = content.children[1].children[0].octets;
  const [{ children: [algorithm, expected] }, salt, times] = data.children;
  const [name, parameters] = algorithm.children;
  if (name.oid === PBMAC1) return equal(expected.octets, await pbmac1(parameters.children, safe, password));
  const hash = HASHES[name.oid];
  if (!hash) throw new KeyFileError("unsupported");
  const key = await keyFor(hash, password, salt.octets, times ? bounded(times.number) : 1); // DEFAULT 1
  return equal(expected.octets, await hmac(hash, key, safe));
}
