// The page put together: which conversation is open, what is being answered, and what the buttons do.
import * as api from "./api.js";
import * as conversations from "./conversation.js";
import * as dialogs from "./dialogs.js";
import * as media from "./media.js";
import * as messages from "./messages.js";
import { record } from "./recorder.js";
import { see } from "./see.js";
import * as settings from "./settings.js";
import * as store from "./store.js";

const $ = id => document.getElementById(id);
const list = $("list"), view = $("messages"), prompt = $("prompt");
let all = [], open = conversations.create(), models = [], attached = [], running = null, offline = false;
const removed = new Set(), tabs = new BroadcastChannel("gemmasharp");

// ---- showing ----

function showList() {
  const wanted = $("search").value.trim().toLowerCase();
  const fits = each => !wanted || each.title.toLowerCase().includes(wanted) || Object.values(each.nodes).some(node => node.text.toLowerCase().includes(wanted));
  list.replaceChildren(...all.filter(fits).map(each => {
    const item = document.createElement("li");
    item.className = each.id === open.id ? "current" : "";
    item.append(
      control(each.title || "Untitled", "open", null, () => select(each)),
      control("✎", "icon", `Rename ${each.title}`, () => rename(each)),
      control("✕", "icon", `Delete ${each.title}`, () => forget(each)));
    if (each.id === open.id) item.firstChild.setAttribute("aria-current", "true");
    return item;
  }));
}

function control(text, className, label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.textContent = text;
  if (label) button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
  return button;
}

function show() {
  const path = conversations.path(open), busy = running !== null;
  $("title").textContent = open.title || "New conversation";
  document.title = open.title ? `${open.title} · GemmaSharp` : "GemmaSharp";
  view.replaceChildren(...(path.length === 0 ? [messages.empty(text => { prompt.value = text; send(); })]
    : path.map((node, i) => messages.message(open, node, acts, { busy, last: i === path.length - 1, showsTokens: settings.settings.probabilities, canContinue: !(settings.settings.schema ?? "").trim() }))));
  $("send").hidden = busy;
  $("stop").hidden = !busy;
  showFigures(path.findLast(node => node.usage));
  showList();
}

function showFigures(node) {
  const model = models.find(each => each.id === $("model").value);
  if (!node?.usage) {
    $("figures").textContent = "";
    return;
  }
  const used = node.usage.total_tokens.toLocaleString("en"), most = model?.max_model_len, speed = node.timings?.predicted_per_second;
  $("figures").textContent = `${speed ? `${speed.toFixed(1)} tokens/s · ` : ""}${used}${most ? ` of ${most.toLocaleString("en")} tokens (${Math.round(100 * node.usage.total_tokens / most)} %)` : " tokens"}`;
}

const isAtEnd = () => view.scrollHeight - view.scrollTop - view.clientHeight < 80;
const toEnd = () => { view.scrollTop = view.scrollHeight; };

function showAttached() {
  $("attachments").className = attached.length > 0 ? "attached" : "";
  $("attachments").replaceChildren(...attached.map(each => media.figure(each, [
    ...(each.kind === "video" ? [] : [{ text: "See", label: "See what the model sees", act: () => see(each) }]),
    { text: "✕", label: "Remove", act: () => { attached = attached.filter(other => other !== each); showAttached(); prompt.focus(); } },
  ])));
}

function announce(text) {
  $("announcer").textContent = text;
}

// ---- conversations ----

async function keep(conversation) {
  if (removed.has(conversation.id)) return;
  if (!all.includes(conversation)) all.unshift(conversation);
  if (conversation === open) sessionStorage.setItem("open", open.id);
  try {
    await store.save(conversation);
    tabs.postMessage({ saved: conversation.id });
  } catch (error) {
    banner(`This browser does not keep the conversation (${error.message}); export it.`);
  }
}

function select(conversation) {
  if (conversation === open) return drawer(false);
  running?.stop();
  running = null;
  open = conversation;
  sessionStorage.setItem("open", open.id);
  drawer(false);
  show();
  toEnd();
  prompt.focus();
}

async function rename(conversation) {
  const title = await dialogs.ask("Rename the conversation", { label: "Title", value: conversation.title, yes: "Rename" });
  if (title?.trim()) {
    conversation.title = title.trim();
    await keep(conversation);
    show();
  }
}

async function forget(conversation) {
  if (await dialogs.ask(`Delete “${conversation.title || "Untitled"}” for good?`, { yes: "Delete" }) === null) return;
  removed.add(conversation.id);
  all = all.filter(each => each !== conversation);
  await store.remove(conversation.id);
  tabs.postMessage({ removed: conversation.id });
  if (conversation === open) select(conversations.create());
  else show();
}

/** What another tab has kept or deleted is so here, too. */
async function hear({ data }) {
  const mine = all.find(each => each.id === (data.saved ?? data.removed));
  if (data.removed) {
    removed.add(data.removed);
    all = all.filter(each => each !== mine);
    if (mine === open) select(conversations.create());
    else show();
  } else if (!mine) {
    const theirs = await store.one(data.saved);
    if (theirs && !all.some(each => each.id === theirs.id)) all.unshift(theirs);
    showList();
  } else if (!running || mine !== open) {
    const theirs = await store.one(data.saved);
    if (!theirs) return;
    for (const [id, node] of Object.entries(theirs.nodes)) if (!mine.nodes[id] || (node.changed ?? 0) > (mine.nodes[id].changed ?? 0)) mine.nodes[id] = node;
    mine.title = theirs.title;
    if (mine === open && !view.querySelector(".editing")) show();
    else showList();
  }
}

function exportFile() {
  const text = JSON.stringify(conversations.toFile(open, settings.settings.system), null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `${(open.title || "conversation").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40) || "conversation"}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function importFile(file) {
  try {
    const { conversation, system } = conversations.fromFile(JSON.parse(await file.text()));
    conversation.title ||= file.name;
    if (system) settings.setSystem(system);
    await keep(conversation);
    select(conversation);
  } catch (error) {
    banner(`${file.name} cannot be imported: ${error.message}`);
  }
}

// ---- asking ----

async function send() {
  const text = prompt.value.trim();
  if (running || (!text && attached.length === 0)) return;
  const parent = conversations.path(open).at(-1)?.id ?? "";
  conversations.add(open, parent, "user", text, attached);
  prompt.value = "";
  attached = [];
  grow();
  showAttached();
  await answer();
}

/** Sends the conversation; where the model's context is too small for it, without its oldest questions and their answers. */
async function whatFits(nodes, node, send) {
  let left = Math.max(0, ...nodes.map(each => each.left ?? 0));
  for (;;) {
    try {
      node.left = left;
      return await send(api.messages(nodes.slice(left), settings.settings.system));
    } catch (error) {
      const next = nodes.findIndex((each, i) => i > left && each.role === "user");
      if (error.code !== "context_length_exceeded" || next < 0) throw error;
      left = next;
    }
  }
}

/** Has the path's last question answered: into a new node, or into one that is there and is gone on with. */
async function answer(node = null) {
  const conversation = open;
  node ??= conversations.add(conversation, conversations.path(conversation).at(-1).id, "assistant", "");
  const before = conversations.path(conversation).filter(each => each !== node || node.text);
  Object.assign(node, { state: "streaming", error: undefined, tokens: node.tokens ?? [] });
  const stopping = new AbortController();
  const mine = running = { stop: () => stopping.abort(), keep: () => keep(conversation) };
  node.changed = Date.now();
  await keep(conversation);
  show();
  toEnd();
  let drawn = false, saving = null;
  const draw = () => {
    drawn = false;
    const body = view.querySelector(`[data-id="${node.id}"] .body`), follows = isAtEnd();
    if (body) messages.fill(body, node, settings.settings.probabilities);
    if (follows) toEnd();
  };
  try {
    await whatFits(before, node, messages => api.chat({ model: $("model").value || undefined, messages, ...settings.sampling() }, settings.key(), stopping.signal, chunk => {
      const choice = chunk.choices[0];
      if (choice?.delta.content) node.text += choice.delta.content;
      if (choice?.logprobs?.content) node.tokens.push(...choice.logprobs.content);
      if (choice?.finish_reason) node.finish = choice.finish_reason;
      if (chunk.usage) Object.assign(node, { usage: chunk.usage, timings: chunk.timings });
      if (!drawn) {
        drawn = true;
        requestAnimationFrame(draw);
      }
      // Soon, and also when nothing more comes.
      node.changed = Date.now();
      saving ??= setTimeout(() => { saving = null; keep(conversation); }, 200);
    }));
    node.state = node.finish === "length" ? "cut" : "done";
    announce(`Gemma says: ${node.text}`);
    online();
  } catch (error) {
    node.state = "cut";
    if (!stopping.signal.aborted) {
      node.error = error.message;
      announce(error.message);
      if (error instanceof api.Offline) wait();
    }
  }
  clearTimeout(saving);
  if (running === mine) running = null;
  conversation.updated = node.changed = Date.now();
  await keep(conversation);
  if (conversation === open) {
    const follows = isAtEnd();
    show();
    if (follows) toEnd();
  }
}

const acts = {
  see,
  copy: node => navigator.clipboard?.writeText(node.text),
  turn: (node, step) => { conversations.turn(open, node, step); keep(open); show(); },
  goOn: node => (running ? null : answer(node)),
  again: node => {
    if (running) return;
    // Of what failed before it said anything, nothing is kept.
    if (node.error && !node.text) return answer(node);
    return answer(conversations.add(open, node.parent, "assistant", ""));
  },
  edit: node => messages.edit(view.querySelector(`[data-id="${node.id}"]`), node, text => {
    if (running) return show();
    if (text === null || (!text.trim() && node.attachments.length === 0)) return show();
    conversations.add(open, node.parent, "user", text.trim(), node.attachments);
    return answer();
  }),
};

// ---- the server ----

function banner(text) {
  $("banner").textContent = text;
  $("banner").hidden = !text;
}

function online() {
  offline = false;
  banner("");
}

/** Looks again and again, and less and less often, until the server is back. */
async function wait() {
  if (offline) return;
  offline = true;
  banner("The server does not answer. Looking for it …");
  for (let seconds = 1; offline; seconds = Math.min(15, seconds * 2)) {
    await new Promise(resolve => setTimeout(resolve, seconds * 1000));
    if (await api.healthy()) {
      online();
      await loadModels();
    }
  }
}

async function loadModels() {
  try {
    models = await api.models(settings.key());
    const chosen = $("model").value || localStorage.getItem("model");
    $("model").replaceChildren(...models.map(each => new Option(each.id, each.id, false, each.id === chosen)));
    showFigures(conversations.path(open).findLast(node => node.usage));
    banner("");
  } catch (error) {
    if (error instanceof api.Offline || error.status === 503) wait();
    else banner(error.status === 401 ? "The server wants a key; give it in the settings." : error.message);
  }
}

// ---- attaching ----

async function attach(files) {
  if (!offline) banner("");
  for (const file of files) {
    try {
      attached.push(await media.attach(file));
    } catch (error) {
      banner(error.message);
    }
  }
  showAttached();
  prompt.focus();
}

async function startRecording() {
  // A second click before the microphone is there would open it twice.
  if ($("record").disabled) return;
  $("record").disabled = true;
  let finish;
  try {
    finish = await record((level, seconds) => {
      $("level").value = level;
      $("recording-time").textContent = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    });
  } catch (error) {
    banner(`The microphone cannot be used (${error.message}).`);
    $("record").disabled = false;
    return;
  }
  $("recording").hidden = false;
  $("record-stop").focus();
  const use = await new Promise(resolve => {
    $("record-stop").onclick = () => resolve(true);
    $("record-cancel").onclick = () => resolve(false);
  });
  const blob = await finish();
  $("recording").hidden = true;
  $("record").disabled = false;
  if (use) attached.push(await media.attach(blob, "Recording"));
  showAttached();
  prompt.focus();
}

// ---- the rest ----

function drawer(opens) {
  $("drawer").classList.toggle("open", opens);
  $("scrim").hidden = !opens;
  $("drawer-open").setAttribute("aria-expanded", String(opens));
  if (opens) $("new").focus();
}

function grow() {
  prompt.style.height = "auto";
  prompt.style.height = `${Math.min(prompt.scrollHeight + 2, innerHeight * 0.4)}px`;
}

function install() {
  settings.applyTheme();
  dialogs.install();
  settings.install(() => { loadModels(); show(); });
  $("composer").addEventListener("submit", event => { event.preventDefault(); send(); });
  $("stop").addEventListener("click", () => { running?.stop(); prompt.focus(); });
  prompt.addEventListener("input", grow);
  prompt.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  prompt.addEventListener("paste", event => {
    if (event.clipboardData.files.length > 0) {
      event.preventDefault();
      attach(event.clipboardData.files);
    }
  });
  document.addEventListener("keydown", event => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if ($("drawer").classList.contains("open")) {
      drawer(false);
      $("drawer-open").focus();
    } else {
      running?.stop();
    }
  });
  for (const type of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(type, event => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      $("composer").classList.toggle("over", type === "dragover");
      if (type === "drop") attach(event.dataTransfer.files);
    });
  }
  $("attach").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { attach([...$("file").files]); $("file").value = ""; });
  $("camera").addEventListener("click", async () => {
    const picture = await media.shoot();
    if (picture) attached.push(picture);
    showAttached();
    prompt.focus();
  });
  $("record").addEventListener("click", startRecording);
  $("new").addEventListener("click", () => select(conversations.create()));
  $("search").addEventListener("input", showList);
  $("export").addEventListener("click", exportFile);
  $("import").addEventListener("click", () => $("import-file").click());
  $("import-file").addEventListener("change", () => { if ($("import-file").files[0]) importFile($("import-file").files[0]); $("import-file").value = ""; });
  $("drawer-open").addEventListener("click", () => drawer(true));
  $("drawer-close").addEventListener("click", () => { drawer(false); $("drawer-open").focus(); });
  $("scrim").addEventListener("click", () => drawer(false));
  $("model").addEventListener("change", () => { localStorage.setItem("model", $("model").value); show(); });
  $("theme").addEventListener("click", () => settings.setTheme(settings.isDark() ? "light" : "dark"));
  addEventListener("offline", wait);
  addEventListener("pagehide", () => running?.keep());
  tabs.onmessage = hear;
}

async function begin() {
  install();
  try {
    all = await store.all();
  } catch (error) {
    banner(`This browser keeps no conversations (${error.message}); export what you want to keep.`);
  }
  // What was streaming when the page went away is cut, and can be gone on with.
  for (const node of all.flatMap(each => Object.values(each.nodes))) if (node.state === "streaming") node.state = "cut";
  open = all.find(each => each.id === sessionStorage.getItem("open")) ?? open;
  show();
  toEnd();
  await loadModels();
  prompt.focus();
}

begin();
