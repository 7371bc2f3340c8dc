/**
 * The schemes of the nineties (3DES and SHA-1, RC2), for programs that know nothing newer. Never a default.
 *
 * They come from node-forge, 290 kB that are fetched only when somebody asks for them. Only its encryption of one DER
 * value is used; the file around it is ours, so that R stays inside.
 */

import { read } from "./der.mjs";
import { KeyFileError } from "./errors.mjs";

const ROUNDS = 100_000;

async function forge() {
  globalThis.window ??= globalThis; // the library looks for `window`; a worker has none
  if (!globalThis.forge) await import("../vendor/forge.min.js");
  return globalThis.forge;
}

function binary(bytes) {
  let text = "";
  for (const octet of bytes) text += String.fromCharCode(octet);
  return text;
}

const octets = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C); takes and gives what `encryption.encrypt` does. */
async function encrypt(plain, password) {
  const { asn1, pki } = await forge();
  const value = asn1.fromDer(binary(plain), { decodeBitStrings: false });
  const sealed = pki.encryptPrivateKeyInfo(value, password, { algorithm: "3des", count: ROUNDS, saltSize: 16 });
  const [algorithm, secret] = read(octets(asn1.toDer(sealed).getBytes())).children;
  return { algorithm: algorithm.raw, secret: secret.octets };
}

/** @type {import("./pkcs12.mjs").Strength} */
export const COMPATIBLE = Object.freeze({ encrypt, hash: "SHA-1", rounds: ROUNDS });

/**
 * @param {Uint8Array} algorithm DER AlgorithmIdentifier @param {Uint8Array} secret @param {string} password
 * @returns {Promise<Uint8Array | null>} null: wrong password
 * @throws {KeyFileError} unsupported
 */
export async function decrypt(algorithm, secret, password) {
  const { asn1, pki, util } = await forge();
  let cipher;
  try {
    const value = asn1.fromDer(binary(algorithm));
    const name = asn1.derToOid(value.value[0].value);
    cipher = pki.pbe.getCipher(name, value.value[1], password);
  } catch {
    throw new KeyFileError("unsupported");
  }
  cipher.update(util.createBuffer(binary(secret)));
  return cipher.finish() ? octets(cipher.output.getBytes()) : null;
}
