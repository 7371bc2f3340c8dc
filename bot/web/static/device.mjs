/**
 * The tools on a certificate's own device: open the files, then change, copy, check or send them.
 *
 * The page's policy lets nothing out; only `send` may speak to the server, and it hands over ciphertext.
 */

import { Choice } from "./choosing.mjs";
import { check } from "./device/checking.mjs";
import { send } from "./device/sending.mjs";
import { describe } from "./keys/certificate.mjs";
import { Workshop } from "./keys/workshop.mjs";
import { Refusal, bindShowButtons, find, page, show, showErrors, stuck, words } from "./page.mjs";
import { bindFields, readForm } from "./secure/fields.mjs";
import { offerFiles } from "./secure/files.mjs";

const workshop = new Workshop();
/** @type {Choice} */
let choice;

const say = (key) => {
  find("#working").textContent = words(key);
};

/** What the form lacks, by id of the field. */
function missing() {
  const errors = {};
  if (choice.empty) errors.files = words("check.error.no_files");
  if (!find("#current").value) errors.current = words("check.error.no_password");
  return page.tool === "password" ? { ...errors, ...readForm().errors } : errors;
}

/** The opened files under their password, or under the new one where one was asked. */
async function pack(folder) {
  say("work.making");
  const next = page.tool === "password" ? readForm().password : undefined;
  return workshop.ask("pack", { next, name: folder.ca });
}

const acts = {
  check: (opened, certificate) => check(opened, certificate),
  send: async (opened, certificate) => {
    const { p12 } = await pack(certificate.folder);
    say("work.sending");
    await send(p12);
  },
};

async function offer(opened, certificate) {
  const files = await pack(certificate.folder);
  // Whoever has a folder and converts wants the one file, and the other way round.
  if (page.tool === "convert" && opened.form === "npki") page.place = "phone";
  const issued = { folder: certificate.folder, serial: certificate.serial, not_after: certificate.until };
  offerFiles({ files, issued, workshop }, () => {});
}

function explain(error) {
  const view = show("form", { focus: false });
  if (error instanceof Refusal) {
    showErrors(view, error.message);
  } else if (error.code) {
    const text = words(`check.error.${error.code}`);
    const field = ["wrong_password", "password_alphabet"].includes(error.code) ? "current" : "files";
    showErrors(view, text, { [field]: text });
    if (field === "current") find("#current").select();
  } else {
    showErrors(view, words(page.tool === "send" ? "check.network" : "check.error.failed"));
  }
}

async function work(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const errors = missing();
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  show("working");
  say("work.opening");
  try {
    const opened = await workshop.ask("open", { files: await choice.read(), password: find("#current").value });
    await (acts[page.tool] ?? offer)(opened, describe(opened.certificate));
    for (const input of document.querySelectorAll("input:not([type=file])")) input.value = "";
  } catch (error) {
    explain(error);
  }
}

if (globalThis.crypto?.subtle) {
  choice = new Choice();
  bindShowButtons();
  if (page.tool === "password") bindFields();
  find("form").addEventListener("submit", work);
  find("#again")?.addEventListener("click", () => location.reload());
  show("form", { focus: false });
} else {
  stuck(words("work.trouble"), words("unsupported"), undefined, { focus: false });
}
