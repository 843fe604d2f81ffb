// What a person sets once: kept in this browser, the key only where that was asked for.
const NUMBERS = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "seed"];
const $ = id => document.getElementById(id);

function read(storage, name, otherwise) {
  try {
    return JSON.parse(storage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export const settings = read(localStorage, "settings", {});
export const key = () => sessionStorage.getItem("key") ?? localStorage.getItem("key") ?? "";

/** What the settings add to a request. */
export function sampling() {
  const request = {};
  for (const name of NUMBERS) if (settings[name] !== undefined && settings[name] !== "") request[name] = Number(settings[name]);
  const stop = (settings.stop ?? "").split("|").filter(text => text !== "");
  if (stop.length > 0) request.stop = stop;
  if (settings.probabilities) Object.assign(request, { logprobs: true, top_logprobs: 5 });
  if ((settings.schema ?? "").trim()) request.response_format = { type: "json_schema", json_schema: { name: "answer", schema: JSON.parse(settings.schema) } };
  return request;
}

/** Changes some of them; another tab may have changed the others meanwhile. */
function change(values) {
  Object.assign(settings, read(localStorage, "settings", {}), values);
  localStorage.setItem("settings", JSON.stringify(settings));
}

export function setSystem(text) {
  change({ system: text });
}

export function setTheme(theme) {
  change({ theme });
  applyTheme();
}

export function applyTheme() {
  if (settings.theme) document.documentElement.dataset.theme = settings.theme;
  else delete document.documentElement.dataset.theme;
}

/** Whether dark colours are shown now, whoever chose them. */
export const isDark = () => settings.theme ? settings.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

export function install(changed) {
  const dialog = $("settings"), form = dialog.querySelector("form"), fault = $("schema-fault");
  const fields = ["system", ...NUMBERS, "stop", "schema"];
  $("settings-open").addEventListener("click", () => {
    change({});
    for (const name of fields) form.elements[name].value = settings[name] ?? "";
    form.elements.probabilities.checked = settings.probabilities ?? false;
    form.elements.key.value = key();
    form.elements.remember.checked = localStorage.getItem("key") !== null;
    fault.textContent = "";
    dialog.showModal();
  });
  $("settings-save").addEventListener("click", event => {
    const schema = form.elements.schema.value.trim();
    try {
      if (schema && (typeof JSON.parse(schema) !== "object" || JSON.parse(schema) === null)) throw new Error("it is no object");
    } catch (error) {
      event.preventDefault();
      fault.textContent = `The schema is no JSON object (${error.message}); correct it or leave it empty.`;
      form.elements.schema.focus();
      return;
    }
    if (!form.reportValidity()) {
      event.preventDefault();
      return;
    }
    change({ ...Object.fromEntries(fields.map(name => [name, form.elements[name].value])), probabilities: form.elements.probabilities.checked });
    localStorage.removeItem("key");
    sessionStorage.removeItem("key");
    if (form.elements.key.value) (form.elements.remember.checked ? localStorage : sessionStorage).setItem("key", form.elements.key.value);
    changed();
  });
}
