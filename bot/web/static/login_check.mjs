/**
 * The login check page: the customer opens an own certificate here, in the browser, and signs the server's challenge.
 * What leaves the page is what a login at a bank sends: the certificate, the signature and R.
 */

import { Choice } from "./choosing.mjs";
import { showFindings } from "./findings.mjs";
import { Workshop } from "./keys/workshop.mjs";
import {
  Refusal, bindShowButtons, find, fromBase64, moment, page, post, show, showErrors, stuck, toBase64, words,
} from "./page.mjs";
import { telegram } from "./telegram.mjs";

const PREFIX = "CertTalk login check v1\n";

const token = new URLSearchParams(location.search).get("s");
const workshop = new Workshop();
/** @type {Choice} */
let choice;

function showResult({ ok, findings, holder, until }) {
  find("#back").hidden = !token;
  showFindings({
    ok,
    title: words(ok ? "check.good" : "check.bad"),
    facts: [
      [words("check.holder"), holder],
      [words("check.until"), until && moment(until, { dateStyle: "long" })],
    ],
    findings,
  });
}

async function check(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const password = find("#password");
  const errors = {};
  if (choice.empty) errors.files = words("check.error.no_files");
  if (!password.value) errors.password = words("check.error.no_password");
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  show("working");
  find("#working").textContent = words("check.opening");
  try {
    const files = await choice.read();
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
  choice = new Choice();
  bindShowButtons();
  find("form").addEventListener("submit", check);
  find("#again").addEventListener("click", () => location.reload()); // a challenge is answered once
  show("form", { focus: false });
} else {
  stuck(words("check.title"), words("unsupported"), undefined, { focus: false });
}
