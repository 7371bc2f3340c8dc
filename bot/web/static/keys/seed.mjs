/**
 * SEED-128 (RFC 4269) in CBC mode with PKCS#7 padding: the cipher of Korean key files, which browsers do not have.
 *
 * The two substitution boxes are computed from their definition instead of being listed:
 * S1(x) = A1·x^247 ⊕ 169 and S2(x) = A2·x^251 ⊕ 56 over GF(2^8) modulo x^8+x^6+x^5+x+1.
 */

const BLOCK = 16;
const ROUNDS = 16;

function multiply(a, b) {
  let product = 0;
  for (; b; b >>= 1) {
    if (b & 1) product ^= a;
    a <<= 1;
    if (a & 0x100) a ^= 0x163;
  }
  return product;
}

function power(x, exponent) {
  let result = 1;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result = multiply(result, x);
    x = multiply(x, x);
  }
  return result;
}

/** `columns[i]` is where the matrix sends bit i. */
function substitution(exponent, constant, columns) {
  return Uint8Array.from({ length: 256 }, (_, x) => {
    const y = x && power(x, exponent);
    return columns.reduce((sum, column, bit) => (y & (1 << bit) ? sum ^ column : sum), constant);
  });
}

const S1 = substitution(247, 169, [0x2c, 0xd0, 0x69, 0xc2, 0x41, 0x44, 0x58, 0xe2]);
const S2 = substitution(251, 56, [0xd0, 0x2a, 0xe1, 0x2c, 0x21, 0x30, 0xa2, 0x6c]);

// RFC 4269 §2.2: G as four tables, one for each octet of its input.
const MASKS = [0xfc, 0xf3, 0xcf, 0x3f];
const TABLES = [0, 1, 2, 3].map((octet) => {
  const box = octet % 2 ? S2 : S1;
  return Uint32Array.from({ length: 256 }, (_, x) => {
    let word = 0;
    for (let i = 0; i < 4; i++) word |= (box[x] & MASKS[(octet + i) % 4]) << (8 * i);
    return word;
  });
});

const G = (x) => TABLES[0][x & 255] ^ TABLES[1][(x >>> 8) & 255] ^ TABLES[2][(x >>> 16) & 255] ^ TABLES[3][x >>> 24];

/** @param {Uint8Array} key 16 octets @returns {Int32Array} two words for each round */
function schedule(key) {
  const view = new DataView(key.buffer, key.byteOffset, BLOCK);
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => view.getUint32(at));
  const words = new Int32Array(2 * ROUNDS);
  let constant = 0x9e3779b9;
  for (let round = 0; round < ROUNDS; round++) {
    words[2 * round] = G((a + c - constant) >>> 0);
    words[2 * round + 1] = G((b - d + constant) >>> 0);
    if (round % 2 === 0) [a, b] = [(a >>> 8) | (b << 24), (b >>> 8) | (a << 24)];
    else [c, d] = [(c << 8) | (d >>> 24), (d << 8) | (c >>> 24)];
    constant = (constant << 1) | (constant >>> 31);
  }
  return words;
}

/** One block of `view`, in place. */
function transform(words, view, at, backwards) {
  let [l0, l1, r0, r1] = [0, 4, 8, 12].map((offset) => view.getUint32(at + offset));
  for (let n = 0; n < ROUNDS; n++) {
    const round = backwards ? ROUNDS - 1 - n : n;
    let c = r0 ^ words[2 * round];
    let d = r1 ^ words[2 * round + 1];
    d = G((c ^ d) >>> 0);
    c = G((c + d) >>> 0);
    d = G((c + d) >>> 0);
    c = (c + d) | 0;
    [l0, l1, r0, r1] = [r0, r1, l0 ^ c, l1 ^ d];
  }
  [r0, r1, l0, l1].forEach((word, i) => view.setUint32(at + 4 * i, word));
}

/** @param {Uint8Array} key @param {Uint8Array} iv @param {Uint8Array} plain @returns {Uint8Array} */
export function encrypt(key, iv, plain) {
  const padding = BLOCK - (plain.length % BLOCK);
  const out = new Uint8Array(plain.length + padding).fill(padding);
  out.set(plain);
  const view = new DataView(out.buffer);
  const words = schedule(key);
  for (let at = 0, previous = iv; at < out.length; previous = out.subarray(at, at + BLOCK), at += BLOCK) {
    for (let i = 0; i < BLOCK; i++) out[at + i] ^= previous[i];
    transform(words, view, at, false);
  }
  return out;
}

/** @returns {Uint8Array | null} null when the padding is wrong, that is when the key most likely is */
export function decrypt(key, iv, secret) {
  if (!secret.length || secret.length % BLOCK) return null;
  const out = Uint8Array.from(secret);
  const view = new DataView(out.buffer);
  const words = schedule(key);
  for (let at = 0, previous = iv; at < out.length; previous = secret.subarray(at, at + BLOCK), at += BLOCK) {
    transform(words, view, at, true);
    for (let i = 0; i < BLOCK; i++) out[at + i] ^= previous[i];
  }
  const padding = out[out.length - 1];
  const whole = padding >= 1 && padding <= BLOCK && out.subarray(-padding).every((octet) => octet === padding);
  return whole ? out.slice(0, -padding) : null;
}
