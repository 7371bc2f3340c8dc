/**
 * The secure page: the customer's second factor goes to the bank, the password and the key stay here.
 *
 * The order matters: the key is kept under its password before it is asked a certificate for, so that whatever gets
 * lost on the way (an answer, the page) can be taken up again with the same key, and the server answers the same.
 */

import { KeyFileError } from "./keys/errors.mjs";
import { Workshop } from "./keys/workshop.mjs";
import {
  Refusal, Unreachable, bindShowButtons, find, fromBase64, here, moment, page, post, show, showErrors, stuck, toBase64, words,
} from "./page.mjs";
import { bindFields, clearDigits, clearPasswords, readForm } from "./secure/fields.mjs";
import { offerFiles } from "./secure/files.mjs";
import { OldKeyError, bindOldKey, signWithOld } from "./secure/old_key.mjs";
import * as pending from "./secure/pending.mjs";
import { telegram } from "./telegram.mjs";

const workshop = new Workshop();
let unsaved = false;

/** Whether closing the page now would lose the files. */
function keepOpen(wanted) {
  unsaved = wanted;
  telegram?.guard(wanted);
}

const say = (key) => {
  find("#working").textContent = words(key);
};

/** The key that waits from before, when this password opens it; or a new one. */
async function takeKey(password) {
  const kept = pending.recall();
  if (kept) {
    try {
      return { csr: kept.csr, ...(await workshop.ask("resume", { sealed: kept.sealed, password })) };
    } catch {
      pending.forget(); // made with another password, and no certificate was issued for it
    }
  }
  const { csr, r, sealed } = await workshop.ask("create", { key: page.key, password });
  pending.keep({ csr, sealed });
  return { csr, r };
}

/** What is proven here: the second factor, or that the old key is in hand. It signs this very request, and no other. */
async function proof(factor, csr) {
  return page.old ? { old: await signWithOld(csr) } : { factor };
}

/** Ask for the certificate, make the files, show them. The same key gets the same answer, however often it asks. */
async function fetchCertificate(key, proven, view) {
  const body = { ...proven, csr: toBase64(key.csr), r: toBase64(key.r) };
  show("working");
  say("working.request");
  try {
    const issued = await post(`${here}/issue`, body, () => say("working.again"));
    clearDigits();
    clearPasswords();
    keepOpen(true);
    say("working.files");
    const chain = issued.chain.map(fromBase64);
    const parameters = { certificate: fromBase64(issued.certificate), chain, name: issued.folder.ca };
    const files = await workshop.ask("finish", parameters);
    const copy = offerFiles({ files, issued, workshop }, () => {
      keepOpen(false);
      find("#finish").className = "primary";
    });
    find("#finish").onclick = () => finish(copy);
  } catch (error) {
    if (error instanceof Unreachable) {
      stuck(words("problem.title"), words("problem.network"), () => fetchCertificate(key, proven, view));
    } else if (error instanceof Refusal) {
      refuse(error, view);
    } else {
      fail(error);
    }
  }
}

function refuse(refusal, view) {
  clearDigits();
  if (["weak_key", "key_reused"].includes(refusal.code)) pending.forget();
  if (refusal.final) {
    pending.forget();
    clearPasswords();
    stuck(words("problem.title"), refusal.message);
    return;
  }
  const fields = Object.fromEntries(refusal.fields.map((field) => [field, refusal.message]));
  showErrors(show(view, { focus: false }), refusal.message, fields);
}

function fail(error) {
  const known = error instanceof KeyFileError && error.code === "mismatch";
  stuck(words("problem.title"), words(known ? "problem.mismatch" : "problem.device"));
}

async function make(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const { factor, password, errors } = readForm();
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  show("working");
  say("working.key");
  try {
    const key = await takeKey(password);
    await fetchCertificate(key, await proof(factor, key.csr), "form");
  } catch (error) {
    if (error instanceof OldKeyError) showErrors(show("form", { focus: false }), error.message, error.errors);
    else fail(error);
  }
}

/** The page asks for the second factor and for nothing else. */
async function confirm(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const { factor, errors } = readForm();
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  const button = find("button[type=submit]", view);
  button.disabled = true;
  try {
    await post(`${here}/issue`, { factor });
    clearDigits();
    show("done");
  } catch (error) {
    if (error instanceof Refusal) refuse(error, "form");
    else showErrors(view, words("problem.network"));
  }
  button.disabled = false;
}

async function resume(event) {
  event.preventDefault();
  const view = find('[data-view="resume"]');
  const input = find("#resume-password");
  const fault = (key) => showErrors(view, words(key), { [input.id]: words(key) });
  if (!input.value) {
    fault("resume.empty");
    return;
  }
  const { csr, sealed } = pending.recall();
  try {
    const { r } = await workshop.ask("resume", { sealed, password: input.value });
    showErrors(view, "");
    await fetchCertificate({ csr, r }, { factor: null }, "resume"); // what was proven was right the first time
  } catch {
    fault("resume.wrong");
  }
}

/** @param {{filename: string, bytes: Uint8Array}} copy what the chat may have */
async function finish(copy) {
  const view = find('[data-view="files"]');
  const toChat = find("#to-chat").checked;
  if (unsaved && !toChat) {
    showErrors(view, words("files.nothing"));
    return;
  }
  showErrors(view, "");
  const button = find("#finish");
  button.disabled = true;
  try {
    const sent = toChat ? { filename: copy.filename, bytes: toBase64(copy.bytes) } : null;
    await post(`${here}/done`, { document: sent });
    keepOpen(false);
    pending.forget();
    workshop.close();
    show("done");
    telegram?.close();
  } catch (error) {
    showErrors(view, error instanceof Refusal ? error.message : words("problem.network"));
  }
  button.disabled = false;
}

/** The link dies while the form is open: say so before, and do not take a password for nothing. */
function watchTime() {
  const left = Date.parse(page.expires_at) - Date.now();
  find("[data-until]").textContent = words("form.until", { time: moment(page.expires_at, { timeStyle: "short" }) });
  const form = find('[data-view="form"]');
  setTimeout(() => {
    if (!form.hidden) find("[data-soon]").textContent = words("form.soon");
  }, left - 60_000);
  setTimeout(() => {
    if (form.hidden) return;
    clearDigits();
    clearPasswords();
    stuck(words("gone.title"), words("gone.lead"));
  }, left);
}

function start() {
  telegram?.ready();
  if (!globalThis.crypto?.subtle) {
    stuck(words("problem.title"), words("unsupported"), undefined, { focus: false });
  } else if (page.state === "open") {
    bindFields();
    bindShowButtons();
    watchTime();
    if (page.old) bindOldKey();
    find('[data-view="form"] form').addEventListener("submit", page.purpose === "prove" ? confirm : make);
    show("form", { focus: false });
  } else if (page.state === "issued" && pending.recall()) {
    bindShowButtons();
    find('[data-view="resume"] form').addEventListener("submit", resume);
    show("resume", { focus: false });
  } else if (page.state === "issued") {
    stuck(words("resume.lost"), words("resume.lost_lead"), undefined, { focus: false });
  } else if (page.state === "done") {
    show("done", { focus: false });
  } else {
    stuck(words("gone.title"), words("gone.lead"), undefined, { focus: false });
  }
}

addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
start();
