/**
 * What a certificate's password must be, so that every program in use takes it and a thief of the file does not guess it.
 *
 * The common subset of what Korean institutions allow: 10 to 30 printable ASCII characters, all three kinds, without the
 * four characters that some windows refuse. The customer reads these rules live; nothing of the password leaves the page.
 */

import { COMMON_WORDS } from "./common_words.mjs";

const LONGEST_WORD = Math.max(...[...COMMON_WORDS].map((word) => word.length));
const DISGUISES = { "@": "a", 4: "a", 3: "e", 1: "i", "!": "i", 0: "o", $: "s", 5: "s", 7: "t", "+": "t", 8: "b", 9: "g" };

/** Three in a row: aaa, 123, cba. Letters count without case. */
function hasRun(password) {
  const codes = [...password.toLowerCase()].map((character) => character.charCodeAt(0));
  return codes.some((code, i) => {
    const step = codes[i + 1] - code;
    if (codes[i + 2] - codes[i + 1] !== step || Math.abs(step) > 1) return false;
    return step === 0 || /^([a-z]{3}|[0-9]{3})$/.test(String.fromCharCode(...codes.slice(i, i + 3)));
  });
}

/** Whether `letters` is nothing but common words in a row. */
function isCommonWords(letters) {
  const reached = [true];
  for (let end = 1; end <= letters.length; end++) {
    reached[end] = false;
    for (let start = Math.max(0, end - LONGEST_WORD); start < end && !reached[end]; start++) {
      reached[end] = reached[start] && COMMON_WORDS.has(letters.slice(start, end));
    }
  }
  return letters.length > 0 && reached[letters.length];
}

/** Common words with digits and symbols around, between or disguised in them. */
export function isCommon(password) {
  const lower = password.toLowerCase();
  const core = lower.replace(/^[^a-z@$]+/, "").replace(/[^a-z]+$/, "");
  const undone = [...core].map((character) => DISGUISES[character] ?? character).join("");
  return [lower, undone, undone.replaceAll("i", "l")].some((text) => isCommonWords(text.replace(/[^a-z]/g, "")));
}

/** @type {Readonly<Record<string, (password: string) => boolean>>} in the order they are shown */
export const RULES = Object.freeze({
  length: (password) => password.length >= 10 && password.length <= 30,
  letter: (password) => /[A-Za-z]/.test(password),
  digit: (password) => /[0-9]/.test(password),
  symbol: (password) => /[!-/:-@[-`{-~]/.test(password),
  characters: (password) => /^[!-~]+$/.test(password) && !/['"\\|]/.test(password),
  no_run: (password) => password.length > 0 && !hasRun(password),
  uncommon: (password) => password.length > 0 && !isCommon(password),
});

/** @param {string} password @returns {string[]} names of the rules it breaks */
export const broken = (password) => Object.keys(RULES).filter((rule) => !RULES[rule](password));
