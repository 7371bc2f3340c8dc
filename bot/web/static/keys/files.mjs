/**
 * A customer's own files, whoever made them: what each is, and the key pair that is in them.
 *
 * Tolerant where programs differ: names mean little, PEM and DER are both taken, octets after a key are left alone,
 * extra certificates become the chain, archives are looked into. What fits together is found by trying, not by what a file is called.
 */

import { describe } from "./certificate.mjs";
import { TAG, equal, read as der } from "./der.mjs";
import { KeyFileError } from "./errors.mjs";
import * as mac from "./mac.mjs";
import * as pkcs12 from "./pkcs12.mjs";
import * as pkcs8 from "./pkcs8.mjs";
import { belongs } from "./signing.mjs";
import { isArchive, unzip } from "./unzip.mjs";

/** @typedef {{name: string, bytes: Uint8Array}} File */

/**
 * @typedef {object} Pair
 * @property {Uint8Array} info PrivateKeyInfo @property {Uint8Array} certificate
 * @property {Uint8Array[]} chain issuing CA first; empty when the files have none
 * @property {"p12" | "npki"} form it came in @property {boolean | null} mac whether a .p12's MAC holds; null without
 * @property {{info: Uint8Array, certificate: Uint8Array} | null} other the encryption pair beside it
 */

/** The DER of every block of a PEM file; the file itself when it is none. */
function blocks(bytes) {
  const pem = new TextDecoder().decode(bytes).matchAll(/-----BEGIN [A-Z0-9 ]+-----([A-Za-z0-9+/=\s]+)-----END/g);
  const found = [...pem].map(([, body]) => Uint8Array.from(atob(body.replace(/\s/g, "")), (character) => character.charCodeAt(0)));
  return found.length ? found : [bytes];
}

const isCertificate = ({ tag, children }) =>
  tag === TAG.sequence && children.length === 3 && children[0].tag === TAG.sequence && children[2].tag === TAG.bitString;

/** What a file is, by its content. @returns {"pfx" | "certificate" | "key" | "certificates" | null} */
function kind(bytes) {
  try {
    const whole = der(bytes).expect(TAG.sequence);
    const { children } = whole;
    if (children.length === 2 && children[1].tag === TAG.octetString) return "key";
    if (children[0].tag === TAG.integer) return pkcs12.looksLike(bytes) ? "pfx" : null;
    if (isCertificate(whole)) return "certificate";
    return children.every(isCertificate) ? "certificates" : null;
  } catch {
    return null;
  }
}

/** Whether a file begins as DER and ends before its own length: a download or a copy that broke off. */
function isCutShort(bytes) {
  const count = bytes[1] & 0x7f;
  if (bytes[0] !== TAG.sequence || bytes[1] <= 0x80 || count > 3) return false;
  return bytes.subarray(2, 2 + count).reduce((length, octet) => length * 256 + octet, 0) > bytes.length - 2 - count;
}

async function contents(files, password) {
  const found = { infos: [], certificates: [], form: "npki", mac: null };
  const known = files.flatMap(({ bytes }) => blocks(bytes)).map((bytes) => ({ bytes, what: kind(bytes) }));
  if (!known.some(({ what }) => what)) {
    throw new KeyFileError(known.some(({ bytes }) => isCutShort(bytes)) ? "cut_short" : "unreadable");
  }
  for (const { bytes, what } of known) {
    if (what === "certificate") found.certificates.push(bytes);
    if (what === "certificates") found.certificates.push(...der(bytes).children.map(({ raw }) => raw));
    if (what === "key") found.infos.push(await pkcs8.open(bytes, password));
    if (what === "pfx") {
      const inside = await pkcs12.open(bytes, password);
      found.infos.push(...inside.infos);
      found.certificates.push(...inside.certificates);
      found.form = "p12";
      found.mac = await mac.check(bytes, password);
    }
  }
  return found;
}

async function pairs({ infos, certificates }) {
  const found = [];
  for (const info of infos) {
    for (const certificate of certificates) {
      if (await belongs(info, certificate)) {
        found.push({ info, certificate });
        break;
      }
    }
  }
  return found;
}

/** From the issuing CA up, as far as the files go. */
function chainOf(certificate, pool) {
  const chain = [];
  for (let at = describe(certificate); !equal(at.subject, at.issuer) && chain.length < 8; ) {
    const next = pool.find((one) => equal(describe(one).subject, at.issuer));
    if (!next) break;
    chain.push(next);
    at = describe(next);
  }
  return chain;
}

/** kmCert and kmPri may have a password of their own; without it they are left where they are. */
async function encryptionPair(files, password) {
  try {
    return (await pairs(await contents(files, password)))[0] ?? null;
  } catch {
    return null;
  }
}

/**
 * @param {{files: File[], password: string}} chosen
 * @returns {Promise<Pair>}
 * @throws {KeyFileError} unreadable, cut_short, unsupported, wrong_password, no_key, no_certificate, mismatch
 */
export async function read({ files: chosen, password }) {
  const files = (await Promise.all(chosen.map((file) => (isArchive(file.bytes) ? unzip(file.bytes) : [file])))).flat();
  const isKm = ({ name }) => /^km(cert|pri)\./i.test(name);
  const found = await contents(files.filter((file) => !isKm(file)), password);
  if (!found.infos.length) throw new KeyFileError("no_key");
  if (!found.certificates.length) throw new KeyFileError("no_certificate");
  const all = await pairs(found);
  const says = new Map(all.map((one) => [one, describe(one.certificate)]));
  // A store may hold former certificates too, of the same person or of another: the one that lasts longest.
  const byEnd = (a, b) => Date.parse(says.get(b).until) - Date.parse(says.get(a).until);
  const [pair] = [...all].sort((a, b) => says.get(b).signs - says.get(a).signs || byEnd(a, b));
  if (!pair) throw new KeyFileError("mismatch");
  const other = all.find((one) => one !== pair && !says.get(one).signs) ?? (await encryptionPair(files.filter(isKm), password));
  return { ...pair, chain: chainOf(pair.certificate, found.certificates), form: found.form, mac: found.mac, other };
}
