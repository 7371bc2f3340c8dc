/**
 * The line the customer writes on. Enter sends, Shift+Enter breaks the line, and a syllable that is still being
 * composed is never sent in half.
 */

/**
 * @param {HTMLFormElement} form with a textarea
 * @param {(text: string) => void} say
 */
export function startComposer(form, say) {
  const field = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=submit]"));

  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
    button.disabled = field.value.trim() === "";
  };

  field.addEventListener("input", fit);
  field.addEventListener("keydown", (event) => {
    // keyCode 229: Safari ends the composition just before this Enter (UI Events §3.8.5).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    fit();
    say(text);
  });
  fit();

  return {
    /** A phone would open its keyboard over the answer; only a mouse and a keyboard profit from this. */
    focus() {
      if (matchMedia("(pointer: fine)").matches) field.focus();
    },
    /** @param {string} text */
    insert(text) {
      field.value = text;
      fit();
      field.focus();
    },
  };
}
