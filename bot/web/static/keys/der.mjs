/**
 * DER in both directions: the few types that keys, requests and PKCS#12 files are made of.
 *
 * The writer is strict DER. The reader also takes BER's indefinite lengths and octet strings in pieces, because
 * files that other programs exported contain them (X.690 §8.1.3.6, §8.7).
 */

const CONSTRUCTED = 0x20;

export const TAG = Object.freeze({
  integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, utf8: 0x0c,
  printable: 0x13, bmp: 0x1e, sequence: 0x30, set: 0x31,
});

/** Bytes that are not what they should be. */
export class DerError extends Error {}

/** @param {...Uint8Array} parts @returns {Uint8Array} */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** @param {Uint8Array} a @param {Uint8Array} b */
export const equal = (a, b) => a.length === b.length && a.every((octet, i) => octet === b[i]);

/** Base-128, or base-256, digits of a number, most significant first. */
function digits(number, base) {
  const out = [];
  do {
    out.unshift(number % base);
    number = Math.floor(number / base);
  } while (number);
  return out;
}

/** @param {number} tag @param {...Uint8Array} parts */
export function tlv(tag, ...parts) {
  const content = concat(...parts);
  const size = digits(content.length, 256);
  const length = content.length < 128 ? size : [0x80 | size.length, ...size];
  return concat(Uint8Array.of(tag, ...length), content);
}

export const sequence = (...parts) => tlv(TAG.sequence, ...parts);
export const set = (...parts) => tlv(TAG.set, ...parts);
export const octetString = (bytes) => tlv(TAG.octetString, bytes);
/** Whole octets only: 0 unused bits. */
export const bitString = (bytes) => tlv(TAG.bitString, Uint8Array.of(0), bytes);
export const nullValue = () => Uint8Array.of(TAG.null, 0);
export const printable = (text) => tlv(TAG.printable, new TextEncoder().encode(text));
/** [n], constructed. */
export const tagged = (n, ...parts) => tlv(0xa0 | n, ...parts);

/** @param {number | Uint8Array} value a non-negative number, or the octets of one */
export function integer(value) {
  let octets = typeof value === "number" ? digits(value, 256) : [...value];
  while (octets.length > 1 && octets[0] === 0) octets = octets.slice(1);
  if (octets[0] & 0x80) octets.unshift(0);
  return tlv(TAG.integer, Uint8Array.from(octets));
}

/** @param {string} dotted */
export function oid(dotted) {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const arcs = [first * 40 + second, ...rest];
  const octets = arcs.flatMap((arc) => digits(arc, 128).map((d, i, all) => (i < all.length - 1 ? d | 0x80 : d)));
  return tlv(TAG.oid, Uint8Array.from(octets));
}

/** UTF-16, big endian, without an end mark. */
export function utf16(text) {
  return Uint8Array.from([...Array(text.length).keys()].flatMap((i) => [text.charCodeAt(i) >> 8, text.charCodeAt(i) & 255]));
}

export const bmp = (text) => tlv(TAG.bmp, utf16(text));

/** One element as it stands in a file. */
export class Element {
  /** @param {number} tag @param {Uint8Array} raw with its header @param {Uint8Array} content */
  constructor(tag, raw, content) {
    this.tag = tag;
    this.raw = raw;
    this.content = content;
  }

  /** @returns {Element[]} */
  get children() {
    if (!(this.tag & CONSTRUCTED)) throw new DerError(`tag ${this.tag} has no parts`);
    const found = [];
    for (let at = 0; at < this.content.length; ) {
      const child = read(this.content.subarray(at));
      found.push(child);
      at += child.raw.length;
    }
    return found;
  }

  /** The element, when it has this tag. */
  expect(tag) {
    if (this.tag !== tag) throw new DerError(`tag ${this.tag} where ${tag} was expected`);
    return this;
  }

  /** @returns {string} dotted */
  get oid() {
    const arcs = [];
    let arc = 0;
    for (const octet of this.expect(TAG.oid).content) {
      arc = arc * 128 + (octet & 0x7f);
      if (octet & 0x80) continue;
      arcs.push(...(arcs.length ? [arc] : [Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40))]));
      arc = 0;
    }
    return arcs.join(".");
  }

  /** @returns {number} a small, non-negative one: rounds, versions */
  get number() {
    const { content } = this.expect(TAG.integer);
    if (content.length > 5 || content[0] & 0x80) throw new DerError("number out of range");
    return content.reduce((value, octet) => value * 256 + octet, 0);
  }

  /** The octets of an OCTET STRING, in one piece or in several; an implicit [n] counts too. */
  get octets() {
    return this.tag & CONSTRUCTED ? concat(...this.children.map((part) => part.octets)) : this.content;
  }
}

/**
 * The first element of `bytes`; what follows it is left alone.
 * @param {Uint8Array} bytes @param {number} [depth] @returns {Element}
 */
export function read(bytes, depth = 0) {
  if (bytes.length < 2 || depth > 16) throw new DerError("cut short");
  const tag = bytes[0];
  let at = 2;
  let length = bytes[1];
  if (length === 0x80) {
    while (bytes[at] || bytes[at + 1]) at += read(bytes.subarray(at), depth + 1).raw.length;
    if (at + 2 > bytes.length) throw new DerError("cut short");
    return new Element(tag, bytes.subarray(0, at + 2), bytes.subarray(2, at));
  }
  if (length > 0x80) {
    const count = length & 0x7f;
    if (count > 4) throw new DerError("too long");
    length = bytes.subarray(2, 2 + count).reduce((value, octet) => value * 256 + octet, 0);
    at += count;
  }
  if (at + length > bytes.length) throw new DerError("cut short");
  return new Element(tag, bytes.subarray(0, at + length), bytes.subarray(at, at + length));
}
