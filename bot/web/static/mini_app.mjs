/** The small page before the secure one: Telegram says who holds it, the server says where to go on. */

import { Refusal, find, here, post, show, stuck, words } from "./page.mjs";
import { telegram } from "./telegram.mjs";

async function enter() {
  show("working", { focus: false });
  try {
    const { url } = await post(here, { init_data: telegram.initData });
    if (!telegram.framed) {
      // Telegram's words stay behind the number sign: the next page is still inside of Telegram.
      location.replace(url + location.hash);
      return;
    }
    find("#open").onclick = () => telegram.openLink(url);
    show("tab");
  } catch (error) {
    if (error instanceof Refusal) stuck(words("app.problem"), error.message, error.final ? undefined : enter);
    else stuck(words("app.problem"), words("problem.network"), enter);
  }
}

telegram?.ready();
if (telegram?.initData) await enter();
else stuck(words("app.problem"), words("error.not_telegram"), undefined, { focus: false });
