/** A verdict with what it rests on: `templates/findings.html`. Signs are for the eye; each has its word beside it. */

import { element, find, show, sign, words } from "./page.mjs";

const STATES = {
  true: ["passed", "tick", "check.passed"],
  false: ["failed", "cross", "check.failed"],
  null: ["unknown", "dash", "check.unknown"],
};

/**
 * @param {{ok: boolean, title: string, facts: [string, string | null][], findings: {ok: boolean | null, text: string}[]}} result
 *   facts are label and value; those without a value are left out
 */
export function showFindings({ ok, title, facts, findings }) {
  find("#verdict").textContent = title;
  find("#verdict-badge").className = `badge ${ok ? "good" : "bad"}`;
  find("#verdict-badge").replaceChildren(sign(ok ? "tick" : "cross"));
  const known = facts.filter(([, value]) => value);
  find("#whose").hidden = !known.length;
  find("#whose").replaceChildren(...known.map(([label, value]) =>
    element("div", {}, element("dt", { textContent: label }), element("dd", { textContent: value }))));
  find("#findings").replaceChildren(...findings.map((finding) => {
    const [look, name, key] = STATES[String(finding.ok)];
    const said = element("span", { className: "unseen", textContent: `${words(key)}: ` });
    const state = element("span", { className: `sign ${look}` }, sign(name), said);
    return element("li", {}, state, element("span", { textContent: finding.text }));
  }));
  show("result");
}
