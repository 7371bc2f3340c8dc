/**
 * QR codes (ISO/IEC 18004): octets at error correction level M, versions 1 to 10, up to 213 octets. No library.
 *
 * Written for addresses that a telephone's camera shall read off a screen; everything else of the standard is left out.
 */

/** By version: codewords of error correction in a block, then blocks as [how many, data codewords in each] (table 9). */
const BLOCKS = [
  null,
  [10, [1, 16]], [16, [1, 28]], [26, [1, 44]], [18, [2, 32]], [24, [2, 43]],
  [16, [4, 27]], [18, [4, 31]], [22, [2, 38], [2, 39]], [22, [3, 36], [2, 37]], [26, [4, 43], [1, 44]],
];
/** Centres of alignment patterns, by version (annex E). */
const ALIGNED = [null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];
const LEVEL_M = 0b00;

const MASKS = [
  (r, c) => (r + c) % 2 === 0,
  (r) => r % 2 === 0,
  (r, c) => c % 3 === 0,
  (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0,
  (r, c) => ((r * c) % 2) + ((r * c) % 3) === 0,
  (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2 === 0,
  (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2 === 0,
];

// GF(256) modulo x^8+x^4+x^3+x^2+1, by powers of 2 (§7.5.2).
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i++, x = (x << 1) ^ (x & 0x80 ? 0x11d : 0)) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
}
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

/** Remainder of the data by the product of (x - 2^i): the codewords of error correction. */
function correction(data, count) {
  let generator = [1];
  for (let i = 0; i < count; i++) {
    const next = [...generator, 0];
    generator.forEach((coefficient, at) => (next[at + 1] ^= times(coefficient, EXP[i])));
    generator = next;
  }
  const rest = [...data, ...new Array(count).fill(0)];
  for (let at = 0; at < data.length; at++) {
    const lead = rest[at];
    if (lead) generator.forEach((coefficient, i) => (rest[at + i] ^= times(coefficient, lead)));
  }
  return rest.slice(data.length);
}

const capacity = (version) => BLOCKS[version].slice(1).reduce((sum, [count, size]) => sum + count * size, 0);

/** Mode, length, octets, end, filling (§7.4). */
function dataOf(octets, version) {
  const bits = [];
  const put = (value, size) => {
    for (let i = size - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  put(0b0100, 4);
  put(octets.length, version < 10 ? 8 : 16);
  for (const octet of octets) put(octet, 8);
  const room = 8 * capacity(version);
  put(0, Math.min(4, room - bits.length));
  while (bits.length % 8) bits.push(0);
  for (let filling = 0xec; bits.length < room; filling ^= 0xec ^ 0x11) put(filling, 8);
  return Array.from({ length: room / 8 }, (_, i) => bits.slice(8 * i, 8 * i + 8).reduce((value, bit) => value * 2 + bit, 0));
}

/** Blocks with their correction, woven into one another (§7.6). */
function codewords(octets, version) {
  const [count, ...groups] = BLOCKS[version];
  const data = dataOf(octets, version);
  const blocks = groups.flatMap(([many, size]) => Array.from({ length: many }, () => data.splice(0, size)));
  const woven = (parts) => parts.at(-1).flatMap((_, i) => parts.filter((part) => i < part.length).map((part) => part[i]));
  return [...woven(blocks), ...woven(blocks.map((block) => correction(block, count)))];
}

/** A value with its remainder by a BCH polynomial behind it (annexes C and D). */
function guarded(value, generator, size) {
  let rest = value << size;
  const top = generator.toString(2).length;
  while (rest.toString(2).length >= top) rest ^= generator << (rest.toString(2).length - top);
  return (value << size) | rest;
}

/** Everything that stands before data: true, false, and null where data goes. */
function frame(version) {
  const size = 17 + 4 * version;
  const grid = Array.from({ length: size }, () => new Array(size).fill(null));
  const ring = (row, column, reach, dark) => {
    for (let r = -reach; r <= reach; r++) {
      for (let c = -reach; c <= reach; c++) {
        if (grid[row + r]?.[column + c] !== undefined) grid[row + r][column + c] = dark(Math.max(Math.abs(r), Math.abs(c)));
      }
    }
  };
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]]) ring(row, column, 4, (d) => d !== 2 && d !== 4);
  for (let i = 8; i < size - 8; i++) grid[6][i] = grid[i][6] = i % 2 === 0;
  const last = size - 7;
  for (const row of ALIGNED[version]) {
    for (const column of ALIGNED[version]) {
      const inFinder = [[6, 6], [6, last], [last, 6]].some(([r, c]) => r === row && c === column);
      if (!inFinder) ring(row, column, 2, (d) => d !== 1);
    }
  }
  if (version >= 7) {
    const bits = guarded(version, 0b1111100100101, 12);
    for (let i = 0; i < 18; i++) {
      const [a, b] = [Math.floor(i / 3), size - 11 + (i % 3)];
      grid[a][b] = grid[b][a] = Boolean((bits >> i) & 1);
    }
  }
  setFormat(grid, 0); // holds the places until the mask is known
  return grid;
}

/** Level and mask, twice, and the module that is always dark (§7.9). */
function setFormat(grid, mask) {
  const size = grid.length;
  const bits = guarded((LEVEL_M << 3) | mask, 0b10100110111, 10) ^ 0b101010000010010;
  for (let i = 0; i < 15; i++) {
    const dark = Boolean((bits >> i) & 1);
    grid[i < 6 ? i : i < 8 ? i + 1 : size - 15 + i][8] = dark;
    grid[8][i < 8 ? size - 1 - i : i === 8 ? 7 : 14 - i] = dark;
  }
  grid[size - 8][8] = true;
}

/** Where data goes, in its order: pairs of columns from the right, up and down (§7.7.3). */
function* places(grid) {
  const size = grid.length;
  let up = true;
  for (let right = size - 1; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let i = 0; i < size; i++) {
      const row = up ? size - 1 - i : i;
      for (const column of [right, right - 1]) if (grid[row][column] === null) yield [row, column];
    }
  }
}

/** How hard a grid is to read (§7.8.3). */
function penalty(grid) {
  const size = grid.length;
  let points = 0;
  let dark = 0;
  const lines = [...grid, ...grid[0].map((_, column) => grid.map((row) => row[column]))];
  for (const line of lines) {
    const text = line.map((module) => (module ? "1" : "0")).join("");
    for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) points += run.length - 2;
    for (let at = 0; at + 11 <= size; at++) {
      if (["10111010000", "00001011101"].includes(text.slice(at, at + 11))) points += 40;
    }
  }
  for (let r = 0; r < size; r++) {
    for (let c = 0; c < size; c++) {
      dark += grid[r][c];
      if (r && c && grid[r][c] === grid[r - 1][c] && grid[r][c] === grid[r][c - 1] && grid[r][c] === grid[r - 1][c - 1]) points += 3;
    }
  }
  return points + 10 * Math.floor(Math.abs((dark * 100) / size ** 2 - 50) / 5);
}

/**
 * @param {string} text @returns {boolean[][]} rows of modules, true is dark, without the quiet zone
 * @throws {RangeError} more than 213 octets
 */
export function encode(text) {
  const octets = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, v) => v && octets.length + (v < 10 ? 2 : 3) <= capacity(v));
  if (version < 0) throw new RangeError("too long for a QR code of version 10");
  const empty = frame(version);
  const bits = codewords(octets, version).flatMap((word) => Array.from({ length: 8 }, (_, i) => (word >> (7 - i)) & 1));
  const order = [...places(empty)];
  const tried = MASKS.map((mask, number) => {
    const grid = empty.map((row) => [...row]);
    order.forEach(([r, c], i) => (grid[r][c] = Boolean((bits[i] ?? 0) ^ mask(r, c)))); // what remains is 0 (§7.6)
    setFormat(grid, number);
    return grid;
  });
  const points = tried.map(penalty);
  return tried[points.indexOf(Math.min(...points))];
}

/** The code as a drawing in the place of `svg`, with its quiet zone of four modules. */
export function drawing(text, svg) {
  const grid = encode(text);
  const size = grid.length + 8;
  const squares = grid.flatMap((row, r) => row.flatMap((dark, c) => (dark ? `M${c + 4} ${r + 4}h1v1h-1z` : [])));
  const drawn = svg.cloneNode(false);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", squares.join(""));
  drawn.setAttribute("viewBox", `0 0 ${size} ${size}`);
  drawn.setAttribute("shape-rendering", "crispEdges");
  drawn.append(path);
  return drawn;
}
