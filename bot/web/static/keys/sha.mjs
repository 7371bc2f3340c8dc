/**
 * SHA-1 and SHA-256 (FIPS 180-4) as plain loops, for password derivations that hash a hash many thousand times.
 *
 * WebCrypto hashes faster, but each of its answers is awaited: 100,000 awaits take ten seconds, this half of one.
 */

const H1 = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const H2 = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const K = Uint32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);

/** §5.1.1: a one bit, zeros, the length in bits. Messages here are far below 2^29 octets. */
function padded(message) {
  const view = new DataView(new ArrayBuffer(((message.length + 8) >> 6) * 64 + 64));
  new Uint8Array(view.buffer).set(message);
  view.setUint8(message.length, 0x80);
  view.setUint32(view.byteLength - 4, message.length * 8);
  return view;
}

function octets(state) {
  const view = new DataView(new ArrayBuffer(4 * state.length));
  state.forEach((word, i) => view.setUint32(4 * i, word));
  return new Uint8Array(view.buffer);
}

const W1 = new Int32Array(80);

/** @param {Uint8Array} message @returns {Uint8Array} 20 octets */
export function sha1(message) {
  const view = padded(message);
  const h = Int32Array.from(H1);
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let t = 0; t < 16; t++) W1[t] = view.getInt32(at + 4 * t);
    for (let t = 16; t < 80; t++) {
      const x = W1[t - 3] ^ W1[t - 8] ^ W1[t - 14] ^ W1[t - 16];
      W1[t] = (x << 1) | (x >>> 31);
    }
    let a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (let t = 0; t < 80; t++) {
      let f;
      if (t < 20) f = ((b & c) | (~b & d)) + 0x5a827999;
      else if (t < 40) f = (b ^ c ^ d) + 0x6ed9eba1;
      else if (t < 60) f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
      else f = (b ^ c ^ d) + 0xca62c1d6;
      const next = (((a << 5) | (a >>> 27)) + f + e + W1[t]) | 0;
      e = d; d = c; c = (b << 30) | (b >>> 2); b = a; a = next;
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e;
  }
  return octets(h);
}

const W2 = new Int32Array(64);

/** @param {Uint8Array} message @returns {Uint8Array} 32 octets */
export function sha256(message) {
  const view = padded(message);
  const s = Int32Array.from(H2);
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let t = 0; t < 16; t++) W2[t] = view.getInt32(at + 4 * t);
    for (let t = 16; t < 64; t++) {
      const x = W2[t - 15], y = W2[t - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      W2[t] = W2[t - 16] + s0 + W2[t - 7] + s1;
    }
    let a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    for (let t = 0; t < 64; t++) {
      const e1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + e1 + ((e & f) ^ (~e & g)) + K[t] + W2[t]) | 0;
      const a0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (a0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    s[0] += a; s[1] += b; s[2] += c; s[3] += d; s[4] += e; s[5] += f; s[6] += g; s[7] += h;
  }
  return octets(s);
}

/** `hash` applied `times` times, first to `message`. */
export function repeat(hash, message, times) {
  let digest = message;
  for (let i = 0; i < times; i++) digest = hash(digest);
  return digest;
}
