/** Ways for a file to leave the page and stay on the device: into a folder the customer picks, or as a download. */

import { folderPath } from "../keys/npki.mjs";
import { archive } from "../keys/zip.mjs";
import { element, words } from "../page.mjs";

export const canPickFolder = () => "showDirectoryPicker" in window;

const parts = ({ signCert, signPri, caPubs }) => ({ "signCert.der": signCert, "signPri.key": signPri, CaPubs: caPubs });

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

/** @param {string} filename @param {Uint8Array} bytes @param {string} type */
export function download(filename, bytes, type) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = element("a", { href: url, download: filename, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
