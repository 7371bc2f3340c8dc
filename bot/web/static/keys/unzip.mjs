/**
 * Small files out of a ZIP archive (APPNOTE 4.3): people choose the archive they were given and do not unzip it first.
 *
 * Stored or deflated entries, by the directory at the end; what is encrypted, large or broken is left out.
 */

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const MOST = 50;
const LARGEST = 256 * 1024;

async function inflate(octets, size) {
  const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const out = new Uint8Array(size);
  let at = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return out.subarray(0, at);
    if (at + value.length > size) throw new RangeError("more than the directory says");
    out.set(value, at);
    at += value.length;
  }
}

async function extract(bytes, view, at) {
  const [method, packed, size, offset] = [
    view.getUint16(at + 10, true), view.getUint32(at + 20, true), view.getUint32(at + 24, true), view.getUint32(at + 42, true),
  ];
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  const octets = bytes.subarray(start, start + packed);
  if (size > LARGEST || view.getUint16(at + 8, true) & 1) return null; // bit 0: encrypted
  if (method === 0) return octets;
  return method === 8 ? inflate(octets, size) : null;
}

/** Whether it begins as an archive does. @param {Uint8Array} bytes */
export const isArchive = (bytes) => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

/** @param {Uint8Array} bytes @returns {Promise<{name: string, bytes: Uint8Array}[]>} names without their folders */
export async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = [];
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) return found;
  let at = view.getUint32(end + 16, true);
  try {
    for (let count = 0; count < MOST && view.getUint32(at, true) === ENTRY; count++) {
      const length = view.getUint16(at + 28, true);
      const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length));
      const content = path.endsWith("/") ? null : await extract(bytes, view, at);
      if (content) found.push({ name: path.split(/[\\/]/).pop(), bytes: content });
      at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    }
  } catch {
    // What was read until here is what there is.
  }
  return found;
}
