/** What a certificate says (RFC 5280 §4.1), for a page that shows it and for the folder it goes to. Nothing is judged. */

import { TAG, read } from "./der.mjs";

const SHORT = {
  "2.5.4.3": "cn", "2.5.4.6": "c", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.5": "serialNumber",
};
const KEY_USAGE = "2.5.29.15";
const DIGITAL_SIGNATURE = 0x80;

/** The folders under NPKI as programs look for them; others are named after the issuer. */
const FOLDERS = ["yessign", "KICA", "SignKorea", "CrossCert", "TradeSign", "NCASign", "INIPASS"];

function text({ tag, content }) {
  if (tag === TAG.bmp) return new TextDecoder("utf-16be").decode(content);
  return new TextDecoder(tag === 0x14 ? "latin1" : "utf-8").decode(content); // 0x14: T61String, in old names
}

/** @returns {{type: string, value: string}[]} in the order of the certificate */
function name(element) {
  return element.children.flatMap((rdn) =>
    rdn.children.map(({ children: [type, value] }) => ({ type: SHORT[type.oid] ?? type.oid, value: text(value) })));
}

/** UTCTime or GeneralizedTime in Z, as §4.1.2.5 wants them. */
function instant({ tag, content }) {
  const digits = new TextDecoder().decode(content);
  const year = tag === 0x17 ? (digits < "5" ? "20" : "19") : "";
  const [, y, mo, d, h, mi, s] = `${year}${digits}`.match(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?/);
  return new Date(Date.UTC(y, mo - 1, d, h, mi, s ?? 0)).toISOString();
}

/** Whether its key may sign; a certificate that does not say may. */
function signs(extensions) {
  const usage = extensions?.children[0].children.find(({ children: [type] }) => type.oid === KEY_USAGE);
  if (!usage) return true;
  return Boolean(read(usage.children.at(-1).octets).content[1] & DIGITAL_SIGNATURE);
}

/**
 * @typedef {object} Certificate
 * @property {Uint8Array} subject DER @property {Uint8Array} issuer DER
 * @property {string} holder CN @property {string} by who issued it
 * @property {string} from @property {string} until ISO; the last moment of its life
 * @property {boolean} signs
 * @property {string} serial hex
 * @property {{ca: string, dn: string}} folder where it lives under NPKI
 */

/** @param {Uint8Array} der @returns {Certificate} @throws {import("./der.mjs").DerError} */
export function describe(der) {
  const parts = read(der).children[0].children;
  const [serial, , issuer, validity, subject] = parts.slice(parts[0].tag === 0xa0 ? 1 : 0);
  const [names, issuers] = [name(subject), name(issuer)];
  const of = (list, ...types) => types.map((type) => list.find((one) => one.type === type)?.value).find(Boolean) ?? "";
  const by = of(issuers, "o", "cn");
  const [from, until] = validity.children.map(instant);
  return {
    subject: subject.raw,
    issuer: issuer.raw,
    holder: of(names, "cn"),
    by,
    from,
    until,
    signs: signs(parts.find(({ tag }) => tag === 0xa3)),
    serial: Array.from(serial.content, (octet) => octet.toString(16).padStart(2, "0")).join(""),
    folder: {
      ca: FOLDERS.find((folder) => folder.toLowerCase() === by.toLowerCase()) ?? by,
      dn: names.map(({ type, value }) => `${type}=${type === "c" ? value.toLowerCase() : value}`).reverse().join(","),
    },
  };
}
