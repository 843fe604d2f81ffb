// An answer as its tokens, each coloured by how likely it was; the arrow keys go from one to the next.
const tooltip = document.getElementById("tooltip");
const percent = logprob => `${(Math.exp(logprob) * 100).toFixed(logprob > -0.7 ? 1 : 2)} %`;
const shown = text => JSON.stringify(text).slice(1, -1);

/** Nodes for the tokens of an answer: {token, logprob, top_logprobs}. */
export function render(tokens) {
  const box = document.createElement("p");
  box.className = "tokens";
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Tokens with their probabilities; arrow keys move");
  tokens.forEach((token, i) => {
    const span = document.createElement("span");
    span.className = "token";
    span.textContent = token.token.startsWith("\\x") ? "·" : token.token;
    span.style.setProperty("--p", Math.exp(token.logprob).toFixed(3));
    span.tabIndex = i === 0 ? 0 : -1;
    span.setAttribute("role", "note");
    span.setAttribute("aria-label", `${shown(token.token)}, ${percent(token.logprob)}`);
    span.addEventListener("pointerenter", () => show(span, token));
    span.addEventListener("pointerleave", hide);
    span.addEventListener("focus", () => show(span, token));
    span.addEventListener("blur", hide);
    box.append(span);
  });
  box.addEventListener("keydown", event => {
    const next = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    if (next && document.activeElement[next]) {
      document.activeElement.tabIndex = -1;
      document.activeElement[next].tabIndex = 0;
      document.activeElement[next].focus();
      event.preventDefault();
    }
  });
  return box;
}

function show(span, token) {
  const others = (token.top_logprobs ?? []).map(each => `${percent(each.logprob).padStart(8)}  ${shown(each.token)}`);
  tooltip.textContent = [`${percent(token.logprob).padStart(8)}  ${shown(token.token)}`, ...(others.length > 0 ? ["", ...others] : [])].join("\n");
  tooltip.hidden = false;
  const at = span.getBoundingClientRect(), size = tooltip.getBoundingClientRect();
  tooltip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  tooltip.style.top = `${at.top - size.height - 6 < 8 ? at.bottom + 6 : at.top - size.height - 6}px`;
}

function hide() {
  tooltip.hidden = true;
}
