/**
 * The folder of a Korean joint certificate: `NPKI/<CA>/USER/<DN>/` with signCert.der, signPri.key and CaPubs.
 *
 * signPri.key is written as seedCBCWithSHA1 with 8 octets of salt and a round count of two octets, because programs in
 * use read it by fixed offsets; 30,000 rounds keep that shape and cost a guesser fifteen times the customary 2,048.
 */

import { integer, octetString, oid, sequence } from "./der.mjs";
import { OID, random, seedKey } from "./encryption.mjs";
import * as seed from "./seed.mjs";

const ROUNDS = 30_000;

/**
 * @param {Uint8Array} info PrivateKeyInfo that carries R @param {string} password
 * @returns {Uint8Array} EncryptedPrivateKeyInfo, 1300 octets for RSA-2048
 */
export function signPriKey(info, password) {
  const salt = random(8);
  const { key, iv } = seedKey(password, salt, ROUNDS);
  const algorithm = sequence(oid(OID.seedCbcWithSha1), sequence(octetString(salt), integer(ROUNDS)));
  return sequence(algorithm, octetString(seed.encrypt(key, iv, info)));
}

/** SEQUENCE OF Certificate, root first. @param {Uint8Array[]} chain issuing CA first, root last */
export const caPubs = (chain) => sequence(...[...chain].reverse());

/**
 * @param {{ca: string, dn: string}} folder
 * @returns {string[]} names of folders from the outermost; nothing in them leads elsewhere
 */
export function folderPath({ ca, dn }) {
  // Windows takes none of these in a name, and a trailing dot or blank gets lost there.
  const name = (text) => text.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_").replace(/[. ]+$/, "_");
  return ["NPKI", name(ca), "USER", name(dn)];
}
