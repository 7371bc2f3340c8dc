/**
 * What a page says to the Telegram it stands in, and null where it stands in none.
 *
 * A Mini App speaks by events (core.telegram.org/api/web-events): through an object apps put into the page, or to the
 * frame around it. That is all of Telegram's script we need, and no script of theirs runs on a page with secrets.
 */

const WEB = "https://web.telegram.org";
const DOWNLOADS_SINCE = 8;

/** Telegram's words from behind the number sign. @returns {URLSearchParams | null} */
function launched() {
  const given = new URLSearchParams(location.hash.slice(1));
  return given.has("tgWebAppVersion") ? given : null;
}

function send(eventType, eventData = {}) {
  const proxy = window.TelegramWebviewProxy;
  if (proxy) proxy.postEvent(eventType, JSON.stringify(eventData));
  else if (typeof window.external?.notify === "function") window.external.notify(JSON.stringify({ eventType, eventData }));
  else if (window.parent !== window) window.parent.postMessage(JSON.stringify({ eventType, eventData }), WEB);
}

const given = launched();

export const telegram = given && {
  initData: given.get("tgWebAppData") ?? "",
  framed: window.parent !== window,
  canDownload: Number.parseFloat(given.get("tgWebAppVersion")) >= DOWNLOADS_SINCE,

  /** Tall, in the page's own colours, and not closed by a slip of the finger. */
  ready() {
    const background = getComputedStyle(document.documentElement).getPropertyValue("--bg").trim();
    send("web_app_ready");
    send("web_app_expand");
    for (const place of ["header", "background"]) send(`web_app_set_${place}_color`, { color: background });
  },
  /** Ask before the window is closed, while something would be lost. @param {boolean} wanted */
  guard(wanted) {
    send("web_app_setup_closing_behavior", { need_confirmation: wanted });
  },
  /** @param {string} url in the customer's own browser */
  openLink(url) {
    send("web_app_open_link", { url });
  },
  /** Telegram asks the customer, then saves. @param {string} url @param {string} filename */
  download(url, filename) {
    send("web_app_request_file_download", { url, file_name: filename });
  },
  /** Back to the chat. */
  close() {
    send("web_app_close");
  },
};
