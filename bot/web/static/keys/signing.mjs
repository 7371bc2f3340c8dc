/**
 * Key pairs, the certification request (PKCS#10, RFC 2986) and signatures, all by WebCrypto.
 *
 * The request names nobody: the subject is empty, because the bank's register says whose certificate it becomes.
 */

import { bitString, integer, nullValue, oid, read, sequence, tagged, TAG } from "./der.mjs";
import { parse } from "./pkcs8.mjs";

const SIGN = {
  "RSASSA-PKCS1-v1_5": { name: "RSASSA-PKCS1-v1_5" },
  ECDSA: { name: "ECDSA", hash: "SHA-256" },
};
const SHA256_WITH = {
  "RSASSA-PKCS1-v1_5": sequence(oid("1.2.840.113549.1.1.11"), nullValue()),
  ECDSA: sequence(oid("1.2.840.10045.4.3.2")),
};

/** @param {{name: string, modulusLength?: number, namedCurve?: string}} wanted as the page's data says */
export function generate(wanted) {
  const rsa = { ...wanted, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" };
  return crypto.subtle.generateKey(wanted.name === "ECDSA" ? wanted : rsa, true, ["sign", "verify"]);
}

export const exportPrivate = async (pair) => new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));

async function raw(key, message) {
  return new Uint8Array(await crypto.subtle.sign(SIGN[key.algorithm.name], key, message));
}

/** WebCrypto's r‖s as the DER that X.509 wants (RFC 3279 §2.2.3). */
function ecdsaDer(signature) {
  const half = signature.length / 2;
  return sequence(integer(signature.slice(0, half)), integer(signature.slice(half)));
}

/** @param {CryptoKeyPair} pair @returns {Promise<Uint8Array>} signed with the key it asks a certificate for */
export async function request(pair) {
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  const body = sequence(integer(0), sequence(), spki, tagged(0));
  const { name } = pair.privateKey.algorithm;
  const signature = await raw(pair.privateKey, body);
  return sequence(body, SHA256_WITH[name], bitString(name === "ECDSA" ? ecdsaDer(signature) : signature));
}

/** @param {Uint8Array} info PrivateKeyInfo @param {Uint8Array} message @returns {Promise<Uint8Array>} ECDSA as r‖s */
export async function sign(info, message) {
  const { key, algorithm } = parse(info);
  return raw(await crypto.subtle.importKey("pkcs8", key, algorithm, false, ["sign"]), message);
}

/** SubjectPublicKeyInfo of a certificate (RFC 5280 §4.1). */
function publicKeyOf(certificate) {
  const [body] = read(certificate).children;
  const parts = body.children;
  return parts[parts[0].tag === 0xa0 ? 6 : 5].expect(TAG.sequence).raw;
}

/** Whether `info` is the private key of `certificate`: it signs, the certificate's key verifies. */
export async function belongs(info, certificate) {
  const { algorithm } = parse(info);
  const message = crypto.getRandomValues(new Uint8Array(32));
  try {
    const key = await crypto.subtle.importKey("spki", publicKeyOf(certificate), algorithm, false, ["verify"]);
    return await crypto.subtle.verify(SIGN[algorithm.name], key, await sign(info, message), message);
  } catch {
    return false; // another kind of key, or none of ours
  }
}
