/**
 * The key between its making and the certificate's arrival, kept for this tab: a reload or a lost answer then costs a
 * password, not a certificate. Only the request and the key under the password are kept.
 */

import { fromBase64, toBase64 } from "../page.mjs";

const name = `certtalk.key:${location.pathname}`;

/** @returns {{csr: Uint8Array, sealed: Uint8Array} | null} */
export function recall() {
  try {
    const { csr, sealed } = JSON.parse(sessionStorage.getItem(name));
    return { csr: fromBase64(csr), sealed: fromBase64(sealed) };
  } catch {
    return null;
  }
}

export function keep({ csr, sealed }) {
  try {
    sessionStorage.setItem(name, JSON.stringify({ csr: toBase64(csr), sealed: toBase64(sealed) }));
  } catch {
    // A browser that keeps nothing: only a reload in between is lost.
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // nothing was kept either
  }
}
