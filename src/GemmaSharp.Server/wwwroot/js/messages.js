// The conversation as it is shown.
import { children } from "./conversation.js";
import { render } from "./markdown.js";
import { figure } from "./media.js";
import { render as renderTokens } from "./tokens.js";

const EXAMPLES = ["What is the capital of Peru?", "What is 7 plus 5?", "What is the capital of Norway?"];

const el = (name, className, ...inside) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...inside);
  return node;
};

function button(text, act, label) {
  const node = el("button", "", text);
  node.type = "button";
  if (label) node.setAttribute("aria-label", label);
  node.addEventListener("click", act);
  return node;
}

/** What is there before anything was asked. */
export function empty(ask) {
  return el("div", "empty",
    el("h2", "", "What would you like to know?"),
    el("p", "", "Ask, show a picture, or speak. Everything stays on this computer."),
    el("div", "examples", ...EXAMPLES.map(text => button(text, () => ask(text)))));
}

/** A message with everything that can be done with it. */
export function message(conversation, node, acts, { busy, last, showsTokens, canContinue }) {
  const isUser = node.role === "user", body = el("div", "body"), meta = el("div", "meta");
  if (node.attachments.length > 0) {
    body.append(el("div", "attached", ...node.attachments.map(each => figure(each, each.kind === "video" ? [] : [{ text: "See", label: "See what the model sees", act: () => acts.see(each) }]))));
  }
  fill(body, node, showsTokens);
  const among = children(conversation, node.parent), at = among.findIndex(each => each.id === node.id);
  if (among.length > 1) {
    meta.append(
      button("‹", () => acts.turn(node, -1), "Earlier version"), el("span", "", `${at + 1}/${among.length}`), button("›", () => acts.turn(node, 1), "Later version"));
  }
  if (!busy) {
    if (isUser) meta.append(button("Edit", () => acts.edit(node)));
    else meta.append(button("Copy", () => acts.copy(node)), button("Again", () => acts.again(node), "Answer again"));
    if (last && node.role === "assistant" && node.state === "cut" && canContinue && (node.text || !node.error)) meta.append(button("Continue", () => acts.goOn(node)));
  }
  if (node.figures) meta.append(el("span", "", node.figures));
  const article = el("article", `message ${node.role}`, el("h3", "hidden", isUser ? "You" : "Gemma"), body, meta);
  article.dataset.id = node.id;
  if (node.left > 0) {
    body.prepend(el("p", "cut left", `The first ${node.left} messages were not sent any more: with them the conversation is longer than the model's context.`));
  }
  if (node.error) article.append(el("div", "error", node.error, " ", ...(busy ? [] : [button("Try again", () => acts.again(node))])));
  return article;
}

/** Renders what a node says into its body, which may be there already. */
export function fill(body, node, showsTokens) {
  body.querySelectorAll(":scope > :not(.attached, .left)").forEach(each => each.remove());
  if (node.role === "user") {
    if (node.text) body.append(el("p", "", node.text));
  } else if (showsTokens && node.tokens?.length > 0) {
    body.append(renderTokens(node.tokens));
  } else {
    body.append(render(node.text));
  }
  if (node.state === "streaming" && !node.text) body.append(el("span", "waiting", el("span", "hidden", "Waiting for the answer")));
  if (node.state === "cut" && !node.error) body.append(el("p", "cut", "The answer was cut here."));
}

/** Turns a question into a text that can be changed. */
export function edit(article, node, finish) {
  let isOver = false;
  const done = text => {
    if (!isOver) finish(text);
    isOver = true;
  };
  const text = el("textarea"), body = article.querySelector(".body");
  text.value = node.text;
  text.setAttribute("aria-label", "Your question");
  const send = button("Send", () => done(text.value)), cancel = button("Cancel", () => done(null));
  send.className = "primary";
  article.classList.add("editing");
  body.replaceChildren(text, el("div", "buttons", cancel, send));
  text.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      done(text.value);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      done(null);
    }
  });
  text.focus();
}
