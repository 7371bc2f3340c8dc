/** Whether a backup would do when it is needed: what was found while its files were opened, in words. */

import { showFindings } from "../findings.mjs";
import { moment, words } from "../page.mjs";

const DAY = 24 * 60 * 60 * 1000;
const WHOLE = { true: "whole_ok", false: "whole_bad", null: "whole_none" };

function life({ from, until }, now) {
  if (now > Date.parse(until)) return { ok: false, text: words("finding.until_over") };
  if (now < Date.parse(from)) return { ok: false, text: words("finding.until_early") };
  return { ok: true, text: words("finding.until_ok", { days: Math.floor((Date.parse(until) - now) / DAY) }) };
}

/** @param {object} opened by the bench @param {import("../keys/certificate.mjs").Certificate} certificate */
export function check({ form, mac, r }, certificate, now = Date.now()) {
  const findings = [
    // A folder's files have no MAC: that both opened and fit each other shows they are whole.
    { ok: form === "npki" ? true : mac, text: words(`finding.${form === "npki" ? "whole_ok" : WHOLE[mac]}`) },
    { ok: true, text: words("finding.password_ok") },
    { ok: true, text: words("finding.pair_ok") },
    life(certificate, now),
    { ok: r ? true : null, text: words(r ? "finding.identity_ok" : "finding.identity_none") },
  ];
  const ok = findings.every((finding) => finding.ok !== false);
  showFindings({
    ok,
    title: words(ok ? "finding.good" : "finding.bad"),
    facts: [
      [words("check.holder"), certificate.holder],
      [words("finding.by"), certificate.by],
      [words("check.until"), moment(certificate.until, { dateStyle: "long" })],
    ],
    findings,
  });
}
