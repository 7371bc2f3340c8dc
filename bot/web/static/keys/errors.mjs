/**
 * What can go wrong with a key file, as a word that survives the way out of a worker.
 *
 * The words are keys of `page.check.error.*`: wrong_password, unreadable, cut_short, unsupported, no_key,
 * no_certificate, mismatch, password_alphabet, failed.
 */
export class KeyFileError extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}
