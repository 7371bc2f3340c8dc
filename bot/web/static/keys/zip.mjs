/**
 * A ZIP archive of small files, stored as they are: encrypted files do not get smaller.
 *
 * Names are UTF-8 and say so (general purpose bit 11, APPNOTE 4.4.4), or Windows shows Korean folder names as rubbish.
 */

import { concat } from "./der.mjs";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const octet of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ octet) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/** Little-endian fields: pairs of (size in octets, value). */
function fields(...pairs) {
  return concat(...pairs.map(([size, value]) => Uint8Array.from({ length: size }, (_, i) => (value / 2 ** (8 * i)) & 255)));
}

/** Local time in the MS-DOS form, to two seconds. */
function stamp(date) {
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  const day = ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();
  return [[2, time], [2, day]];
}

/** @param {{name: string, bytes: Uint8Array}[]} files names with "/" between folders @returns {Uint8Array} */
export function archive(files, date = new Date()) {
  const bodies = [];
  const entries = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const path = new TextEncoder().encode(name);
    const common = [[2, 20], [2, 1 << 11], [2, 0], ...stamp(date), [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, path.length], [2, 0]];
    const body = concat(fields([4, 0x04034b50], ...common), path, bytes);
    bodies.push(body);
    entries.push(concat(fields([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), path));
    offset += body.length;
  }
  const directory = concat(...entries);
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, directory.length], [4, offset], [2, 0]);
  return concat(...bodies, directory, end);
}
