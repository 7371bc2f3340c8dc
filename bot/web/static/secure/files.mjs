/** The view where the finished files are saved: what is offered first depends on where the certificate shall live. */

import { element, find, moment, page, show, words } from "../page.mjs";
import { telegram } from "../telegram.mjs";
import { canPickFolder, download, saveToFolder, zipOf } from "./saving.mjs";

/** Where programs look for the NPKI folder differs by system; "folder" needs no further words. */
function system() {
  if (/Win/.test(navigator.platform)) return "windows";
  return /Mac/.test(navigator.platform) ? "mac" : "folder";
}

/** Ways in the order they are offered; the first is the main one, the first two are seen at once. */
function order() {
  if (telegram) return telegram.canDownload ? ["p12", "zip"] : [];
  if (page.place === "phone") return ["p12", "zip", "old"];
  return canPickFolder() ? ["folder", "zip", "p12", "old"] : ["zip", "p12", "old"];
}

function hint(way) {
  if (way !== "folder") return words(`files.${way}_hint`);
  return words(`files.folder_${page.place === "this_pc" ? system() : page.place}`);
}

/**
 * @param {{files: object, issued: object, workshop: import("../keys/workshop.mjs").Workshop}} made
 * @param {() => void} onSaved
 */
export function offerFiles({ files, issued, workshop }, onSaved) {
  const name = `${issued.folder.ca}-${issued.serial.slice(-8)}`;
  const acts = {
    folder: async () => (await saveToFolder(files, issued.folder)) && "files.saved_folder",
    zip: async () => {
      await download(`${name}.zip`, zipOf(files, issued.folder), "application/zip");
      return "files.saved_download";
    },
    p12: async () => {
      await download(`${name}.p12`, files.p12, "application/x-pkcs12");
      return "files.saved_download";
    },
    old: async () => {
      find("#saved").textContent = words("files.making");
      const { p12 } = await workshop.ask("compatible");
      await download(`${name}-old.p12`, p12, "application/x-pkcs12");
      return "files.saved_download";
    },
  };

  function wayButton(way, main) {
    const button = element("button", { type: "button", className: main ? "primary" : "secondary", textContent: words(`files.${way}`) });
    const note = element("p", { id: `way-${way}`, className: "hint", textContent: hint(way) });
    button.dataset.way = way;
    button.setAttribute("aria-describedby", note.id);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const said = await acts[way]();
        if (said) onSaved();
        find("#saved").textContent = said ? words(said) : "";
        find("#saved").classList.toggle("met", Boolean(said));
      } catch {
        find("#saved").textContent = words("files.not_saved");
        find("#saved").classList.remove("met");
      }
      button.disabled = false;
    });
    return element("div", { className: "way" }, button, note);
  }

  const ways = order().map((way, i) => wayButton(way, i === 0));
  find("#ways").replaceChildren(...ways.slice(0, 2));
  find("#other-ways").replaceChildren(...ways.slice(2));
  find("#ways").parentElement.hidden = !ways.length; // an older Telegram: into the chat it is
  find("#other-ways").parentElement.hidden = ways.length <= 2;
  find("#not-after").textContent = moment(issued.not_after, { dateStyle: "long" });
  find("#serial").textContent = issued.serial;
  show("files");
  return { filename: `${name}.p12`, bytes: files.p12 };
}
