/** Ways for a file to leave the page and stay on the device: into a folder the customer picks, or as a download. */

import { folderPath } from "../keys/npki.mjs";
import { archive } from "../keys/zip.mjs";
import { element, here, post, toBase64, words } from "../page.mjs";
import { telegram } from "../telegram.mjs";

export const canPickFolder = () => "showDirectoryPicker" in window && !telegram;

/** What lies in the folder: the encryption pair and the issuers only where there are some. */
const parts = ({ signCert, signPri, caPubs, kmCert, kmPri }) =>
  Object.fromEntries(
    Object.entries({
      "signCert.der": signCert, "signPri.key": signPri, "kmCert.der": kmCert, "kmPri.key": kmPri, CaPubs: caPubs,
    }).filter(([, bytes]) => bytes),
  );

/**
 * Make `NPKI/<CA>/USER/<DN>` below a folder of the customer's choice, or take up the one that is there.
 * @returns {Promise<boolean>} false when the customer closed the window
 */
export async function saveToFolder(files, folder) {
  let place;
  try {
    place = await window.showDirectoryPicker({ id: "npki", mode: "readwrite" });
  } catch (error) {
    if (error.name === "AbortError") return false;
    throw error;
  }
  // Whoever picks the NPKI folder itself means it.
  const path = folderPath(folder).slice(place.name === "NPKI" ? 1 : 0);
  for (const name of path) place = await place.getDirectoryHandle(name, { create: true });
  for (const [name, bytes] of Object.entries(parts(files))) {
    const stream = await (await place.getFileHandle(name, { create: true })).createWritable();
    await stream.write(bytes);
    await stream.close();
  }
  return true;
}

/** The same folder as one archive, with a note on where to put it. */
export function zipOf(files, folder) {
  const path = folderPath(folder).join("/");
  const note = new TextEncoder().encode(`\uFEFF${words("readme.text").replaceAll("\n", "\r\n")}\r\n`);
  return archive([
    ...Object.entries(parts(files)).map(([name, bytes]) => ({ name: `${path}/${name}`, bytes })),
    { name: words("readme.name"), bytes: note },
  ]);
}

/**
 * Telegram's webview saves nothing a script has made: the encrypted file goes to an address Telegram fetches it from.
 * @param {string} filename @param {Uint8Array} bytes @param {string} type
 * @throws {import("../page.mjs").Refusal | import("../page.mjs").Unreachable}
 */
export async function download(filename, bytes, type) {
  if (telegram) {
    const kept = await post(`${here}/download`, { filename, bytes: toBase64(bytes) });
    telegram.download(kept.url, kept.filename);
    return;
  }
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = element("a", { href: url, download: filename, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
