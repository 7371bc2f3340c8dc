/**
 * The login check page: the customer opens an own certificate here, in the browser, and signs the server's challenge.
 * What leaves the page is what a login at a bank sends: the certificate, the signature and R.
 */

import { Workshop } from "./keys/workshop.mjs";
import {
  Refusal, bindShowButtons, element, find, fromBase64, moment, page, post, show, showErrors, sign, stuck, toBase64, words,
} from "./page.mjs";
import { telegram } from "./telegram.mjs";

const PREFIX = "CertTalk login check v1\n";
const MOST_FILES = 50;
const LARGEST = 256 * 1024;
const STATES = {
  true: ["passed", "tick", "check.passed"],
  false: ["failed", "cross", "check.failed"],
  null: ["unknown", "dash", "check.unknown"],
};

const token = new URLSearchParams(location.search).get("s");
const workshop = new Workshop();
/** @type {File[]} */
let chosen = [];

function choose(files) {
  chosen = files.slice(0, MOST_FILES);
  const names = chosen.map((file) => file.name).slice(0, 4).join(", ") + (chosen.length > 4 ? " …" : "");
  find("#chosen").textContent = chosen.length ? words("check.chosen", { names }) : "";
}

/** The files of a dropped folder, down to the last level. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length || found.length > MOST_FILES) return found;
    for (const one of entries) found.push(...(await filesOf(one)));
  }
}

function bindChoosing() {
  const drop = find("#drop");
  for (const input of [find("#files"), find("#folder")]) {
    input.addEventListener("change", () => choose([...input.files]));
  }
  for (const type of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", type === "dragover");
    });
  }
  drop.addEventListener("drop", async (event) => {
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    choose((await Promise.all(entries.map(filesOf))).flat());
  });
}

async function read() {
  const small = chosen.filter((file) => file.size <= LARGEST);
  return Promise.all(small.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
}

function showResult({ ok, findings, holder, until }) {
  find("#verdict").textContent = words(ok ? "check.good" : "check.bad");
  find("#verdict-badge").className = `badge ${ok ? "good" : "bad"}`;
  find("#verdict-badge").replaceChildren(sign(ok ? "tick" : "cross"));
  const facts = [["check.holder", holder], ["check.until", until && moment(until, { dateStyle: "long" })]].filter(([, value]) => value);
  find("#whose").hidden = !facts.length;
  find("#whose").replaceChildren(...facts.map(([key, value]) =>
    element("div", {}, element("dt", { textContent: words(key) }), element("dd", { textContent: value }))));
  find("#findings").replaceChildren(...findings.map((finding) => {
    const [look, name, key] = STATES[String(finding.ok)];
    const said = element("span", { className: "unseen", textContent: `${words(key)}: ` });
    const state = element("span", { className: `sign ${look}` }, sign(name), said);
    return element("li", {}, state, element("span", { textContent: finding.text }));
  }));
  find("#back").hidden = !token;
  show("result");
}

async function check(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const password = find("#password");
  const errors = {};
  if (!chosen.length) errors.files = words("check.error.no_files");
  if (!password.value) errors.password = words("check.error.no_password");
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  show("working");
  find("#working").textContent = words("check.opening");
  try {
    const files = await read();
    if (!files.length) throw Object.assign(new Error(), { code: "too_large" });
    const { certificate, r } = await workshop.ask("open", { files, password: password.value });
    const challenge = fromBase64(page.challenge);
    const message = new Uint8Array([...new TextEncoder().encode(PREFIX), ...challenge]);
    const { signature } = await workshop.ask("answer", { message });
    find("#working").textContent = words("check.asking");
    const answer = await post(location.pathname, {
      challenge_id: page.challenge_id,
      certificate: toBase64(certificate),
      signature: toBase64(signature),
      r: r && toBase64(r),
      s: token,
    });
    password.value = "";
    showResult(answer);
  } catch (error) {
    explain(error, show("form", { focus: false }));
  }
}

function explain(error, view) {
  if (error instanceof Refusal) {
    showErrors(view, error.message);
  } else if (error.code) {
    const text = words(`check.error.${error.code}`);
    showErrors(view, text, { [error.code === "wrong_password" ? "password" : "files"]: text });
    if (error.code === "wrong_password") find("#password").select();
  } else {
    showErrors(view, words("check.network"));
  }
}

telegram?.ready();
if (globalThis.crypto?.subtle) {
  bindChoosing();
  bindShowButtons();
  find("form").addEventListener("submit", check);
  find("#again").addEventListener("click", () => location.reload()); // a challenge is answered once
  show("form", { focus: false });
} else {
  stuck(words("check.title"), words("unsupported"), undefined, { focus: false });
}
