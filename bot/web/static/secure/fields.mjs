/** The secure page's form: the second factor's digits and the new password, read and judged while they are typed. */

import { RULES, broken } from "../keys/password.mjs";
import { element, find, page, sign, words } from "../page.mjs";
import { oldKeyErrors } from "./old_key.mjs";

const password = () => find("#password");
const again = () => find("#again");

function buildRules() {
  const list = find("#rules");
  for (const rule of Object.keys(RULES)) {
    const state = element("span", { className: "unseen" });
    list.append(element("li", { id: `rule-${rule}` }, element("span", { className: "sign" }), words(`rule.${rule}`), " ", state));
  }
}

function judge() {
  const text = password().value;
  const faults = text ? broken(text) : Object.keys(RULES);
  for (const rule of Object.keys(RULES)) {
    const item = find(`#rule-${rule}`);
    const met = !faults.includes(rule);
    item.classList.toggle("met", met);
    find(".sign", item).replaceChildren(sign(met ? "tick" : "dash"));
    find(".unseen", item).textContent = `(${words(met ? "password.met" : "password.unmet")})`;
  }
  return faults;
}

function compare() {
  const [first, second] = [password().value, again().value];
  const match = find("#match");
  match.hidden = !second;
  match.textContent = second ? words(first === second ? "password.same" : "password.different") : "";
  match.classList.toggle("met", first === second);
}

/** What was last said aloud waits until typing rests, or a screen reader talks over every key. */
function sayLater() {
  let timer;
  return (faults) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const count = faults.length;
      find("#rules-said").textContent = count ? words("password.left", { count }) : words("password.all_met");
    }, 900);
  };
}

function bindPassword() {
  buildRules();
  judge();
  compare();
  const say = sayLater();
  password().addEventListener("input", () => {
    say(judge());
    compare();
  });
  again().addEventListener("input", compare);
}

export function bindFields() {
  for (const label of document.querySelectorAll("[data-fill]")) {
    label.textContent = words(label.dataset.fill, { cell: label.dataset.cell });
  }
  if (password()) bindPassword();
  for (const input of document.querySelectorAll("[data-digits]")) {
    input.addEventListener("input", () => {
      // Pasted with blanks, or typed full-width: the digits are what counts.
      input.value = input.value.normalize("NFKC").replace(/\D/g, "").slice(0, Number(input.dataset.digits));
    });
  }
}

/**
 * What the form holds.
 * @returns {{factor: object | null, password: string, errors: Record<string, string>}} errors by id of the field
 */
export function readForm() {
  const errors = {};
  let factor = null;
  if (page.factor?.kind === "card") {
    factor = { cells: {} };
    for (const { cell } of page.factor.cells) {
      const { value, id } = find(`#cell_${cell}`);
      factor.cells[cell] = value;
      if (value.length !== 2) errors[id] = words("factor.cell_missing", { cell });
    }
  } else if (page.factor?.kind === "otp") {
    const { value } = find("#otp");
    factor = { otp: value };
    if (value.length !== 6) errors.otp = words("factor.otp_missing");
  }
  if (page.old) Object.assign(errors, oldKeyErrors());
  if (!password()) return { factor, password: "", errors };
  if (broken(password().value).length) errors.password = words("password.weak");
  else if (password().value !== again().value) errors.again = words("password.different");
  return { factor, password: password().value, errors };
}

export function clearDigits() {
  for (const input of document.querySelectorAll("[data-digits]")) input.value = "";
}

export function clearPasswords() {
  for (const input of document.querySelectorAll("#password, #again, #resume-password, #old-password")) input.value = "";
}
