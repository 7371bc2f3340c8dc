/**
 * Handing in a certificate from elsewhere: a public file goes up as it is; with its private key chosen as well, the
 * link's challenge is signed here, and certificate and signature go up. A private key never leaves the page.
 */

import { Workshop } from "./keys/workshop.mjs";
import {
  Refusal, bindShowButtons, element, find, fromBase64, here, page, post, show, showErrors, stuck, toBase64, words,
} from "./page.mjs";
import { telegram } from "./telegram.mjs";

const PREFIX = "CertTalk register v1\n";
const MOST_FILES = 8;
const PRIVATE = /\.(key|p12|pfx|p8|pk8)$/i;

const workshop = new Workshop();
/** @type {File[]} */
let chosen = [];

const secret = () => chosen.some((file) => PRIVATE.test(file.name));

function choose(files) {
  chosen = files.slice(0, MOST_FILES);
  const names = chosen.map((file) => file.name).join(", ");
  find("#chosen").textContent = chosen.length ? words("check.chosen", { names }) : "";
  find("#secret").hidden = !secret();
  find("#send").textContent = words(secret() ? "register.sign" : "register.send");
}

function bindChoosing() {
  const drop = find("#drop");
  find("#files").addEventListener("change", () => choose([...find("#files").files]));
  for (const type of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", type === "dragover");
    });
  }
  drop.addEventListener("drop", (event) => choose([...event.dataTransfer.files]));
}

/** What is wrong with what was chosen, by field. */
function wrong() {
  if (!chosen.length) return { files: words("check.error.no_files") };
  if (chosen.some((file) => file.size > page.most)) return { files: words("check.error.too_large") };
  if (!secret()) return chosen.length > 1 ? { files: words("register.one_only") } : {};
  const alone = chosen.every((file) => /\.(key|p8|pk8)$/i.test(file.name));
  if (alone) return { files: words("register.key_alone") };
  return find("#password").value ? {} : { password: words("check.error.no_password") };
}

const read = async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });

async function upload() {
  const { name, bytes } = await read(chosen[0]);
  return { name, file: toBase64(bytes) };
}

async function signed() {
  const files = await Promise.all(chosen.map(read));
  const { certificate } = await workshop.ask("open", { files, password: find("#password").value });
  const message = new Uint8Array([...new TextEncoder().encode(PREFIX), ...fromBase64(page.challenge)]);
  const { signature } = await workshop.ask("answer", { message });
  return { name: "signCert.der", file: toBase64(certificate), signature: toBase64(signature) };
}

function showResult({ findings }) {
  find("#facts").hidden = !findings.length;
  find("#facts").replaceChildren(...findings.map(({ label, value }) =>
    element("div", {}, element("dt", { textContent: label }), element("dd", { textContent: value }))));
  show("result");
}

async function send(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const errors = wrong();
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  show("working");
  find("#working").textContent = words("register.reading");
  try {
    const form = secret() ? await signed() : await upload();
    find("#working").textContent = words("register.checking");
    const answer = await post(here, form);
    find("#password").value = "";
    showResult(answer);
  } catch (error) {
    explain(error, show("form", { focus: false }));
  }
}

function explain(error, view) {
  if (error instanceof Refusal) {
    if (error.final) stuck(words("register.gone"), error.message);
    else showErrors(view, error.message, { files: error.message });
  } else if (error.code) {
    const text = words(`check.error.${error.code}`);
    showErrors(view, text, { [error.code === "wrong_password" ? "password" : "files"]: text });
  } else {
    showErrors(view, words("check.network"));
  }
}

telegram?.ready();
if (page.state === "gone") {
  stuck(words("register.gone"), words("register.gone_lead"), undefined, { focus: false });
} else if (page.state === "done") {
  showResult({ findings: [] });
} else if (globalThis.crypto?.subtle) {
  bindChoosing();
  bindShowButtons();
  find("form").addEventListener("submit", send);
  show("form", { focus: false });
} else {
  stuck(words("register.title"), words("unsupported"), undefined, { focus: false });
}
