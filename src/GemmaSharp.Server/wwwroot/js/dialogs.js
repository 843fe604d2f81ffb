// Small questions to the person, in dialogs of the page's own.
const $ = id => document.getElementById(id);

/** Asks for a text, or for yes with no label. Null for no. */
export function ask(title, { label, value = "", yes = "OK" } = {}) {
  const dialog = $("ask"), input = dialog.querySelector("input");
  $("ask-title").textContent = title;
  $("ask-label").hidden = !label;
  $("ask-label").querySelector("span").textContent = label ?? "";
  input.value = value;
  input.disabled = !label;
  $("ask-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  (label ? input : $("ask-yes")).focus();
  return new Promise(resolve => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? input.value : null), { once: true }));
}

/** Enter in the text means yes, and not the first button, which is cancel. */
export function install() {
  $("ask").querySelector("input").addEventListener("keydown", event => {
    if (event.key === "Enter") {
      event.preventDefault();
      $("ask-yes").click();
    }
  });
}
