/** The receiving device: the code is typed here and stays here; what it opens is saved as a file. */

import { Damaged, derive, open, readCode, readTicket } from "./device/transfer.mjs";
import { Refusal, find, fromBase64, post, show, showErrors, stuck, toBase64, words } from "./page.mjs";
import { download } from "./secure/saving.mjs";

/** Out of the QR; "" when the page was opened by hand. */
const scanned = readTicket(location.hash);

function offer(p12) {
  find("#save").onclick = async () => {
    await download(`certificate-${new Date().toISOString().slice(0, 10)}.p12`, p12, "application/x-pkcs12");
    find("#saved").textContent = words("tool.receive.saved");
    find("#saved").classList.add("met");
  };
  show("made");
}

async function receive(event) {
  event.preventDefault();
  const view = find('[data-view="form"]');
  const [ticket, code] = [scanned || readTicket(find("#ticket").value), readCode(find("#code").value)];
  const errors = {};
  if (!ticket) errors.ticket = words("tool.receive.ticket_missing");
  if (!code) errors.code = words("tool.receive.code_missing");
  if (Object.keys(errors).length) {
    showErrors(view, words("form.errors"), errors);
    return;
  }
  showErrors(view, "");
  show("working");
  try {
    const { key, proof } = await derive(code, ticket);
    const { content } = await post("/device/transfer/take", { ticket, proof: toBase64(proof) });
    offer(await open(key, fromBase64(content)));
  } catch (error) {
    if (error instanceof Refusal && error.final) stuck(words("work.trouble"), error.message);
    else if (error instanceof Refusal) showErrors(show("form", { focus: false }), error.message, { code: error.message });
    else if (error instanceof Damaged) stuck(words("work.trouble"), words("tool.receive.damaged"));
    else showErrors(show("form", { focus: false }), words("check.network"));
  }
}

if (globalThis.crypto?.subtle) {
  find("#ticket-field").hidden = Boolean(scanned);
  find("form").addEventListener("submit", receive);
  show("form", { focus: false });
} else {
  stuck(words("work.trouble"), words("unsupported"), undefined, { focus: false });
}
