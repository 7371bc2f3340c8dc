/** The sending device: leave the ciphertext, show QR and code, and say when it was taken or its time is over. */

import { Refusal, find, page, post, show, toBase64, words } from "../page.mjs";
import { drawing } from "./qr.mjs";
import { derive, halves, newCode, newTicket, seal } from "./transfer.mjs";

const LOOK_AGAIN = 3000;

async function leave(p12) {
  for (let tries = 3; ; tries--) {
    const [code, ticket] = [newCode(), newTicket()];
    const { key, proof } = await derive(code, ticket);
    const body = { ticket, proof: toBase64(proof), content: toBase64(await seal(key, p12)) };
    try {
      return { code, ticket, proof: body.proof, ...(await post("/device/transfer", body)) };
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "transfer_in_use" || !tries) throw error;
    }
  }
}

/** Count down and look whether it was taken, until one of both ends it. */
function watch({ ticket, proof, expires_at: until }) {
  const end = (text) => {
    clearInterval(clock);
    clearInterval(looking);
    find("#left").textContent = "";
    find("#state").textContent = text;
    find("#state").classList.add("met");
    find(".handover").hidden = true;
  };
  const clock = setInterval(() => {
    const seconds = Math.max(0, Math.round((Date.parse(until) - Date.now()) / 1000));
    find("#left").textContent = words("tool.send.left", { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });
    if (!seconds) end(words("tool.send.over"));
  }, 1000);
  const looking = setInterval(async () => {
    const { state } = await post("/device/transfer/state", { ticket, proof }).catch(() => ({}));
    if (state === "taken") end(words("tool.send.arrived"));
    if (state === "gone") end(words("tool.send.over"));
  }, LOOK_AGAIN);
}

/** @param {Uint8Array} p12 */
export async function send(p12) {
  const left = await leave(p12);
  const address = `${location.origin}/device/receive`;
  // Behind the number sign nothing reaches the server, and the ticket alone opens nothing.
  find("#qr").replaceWith(drawing(`${address}?lang=${page.locale}#${left.ticket}`, find("#qr")));
  find("#code").textContent = halves(left.code);
  find("#ticket").textContent = halves(left.ticket);
  find("#by-hand").textContent = words("tool.send.by_hand", { url: address.replace(/^https:\/\//, "") });
  show("sent");
  watch(left);
}
