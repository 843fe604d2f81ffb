// Markdown as nodes of the page. What the model writes is a stranger's text: no HTML of it is ever parsed, and nothing of it is fetched.
const el = (name, ...inside) => {
  const node = document.createElement(name);
  node.append(...inside);
  return node;
};

const SAFE = /^(https?:|mailto:)/i;

/** Renders a text; the nodes are new. */
export function render(text) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text.replace(/\r\n?/g, "\n").split("\n")));
  return fragment;
}

function blocks(lines) {
  const nodes = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    let match;
    if (line.trim() === "") {
      i++;
    } else if ((match = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/.exec(line))) {
      const end = lines.findIndex((each, at) => at > i && each.trim().startsWith(match[1]) && each.trim().replaceAll(match[1][0], "") === "");
      const last = end < 0 ? lines.length : end;
      nodes.push(codeBlock(lines.slice(i + 1, last).join("\n"), match[2].trim().split(/\s/)[0]));
      i = last + 1;
    } else if ((match = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(line))) {
      nodes.push(el(`h${Math.min(6, match[1].length + 2)}`, ...inline(match[2])));
      i++;
    } else if (/^ {0,3}([-*_])( *\1){2,} *$/.test(line)) {
      nodes.push(el("hr"));
      i++;
    } else if (/^ {0,3}>/.test(line)) {
      const quoted = [];
      while (i < lines.length && lines[i].trim() !== "" && (/^ {0,3}>/.test(lines[i]) || quoted.length > 0)) quoted.push(lines[i++].replace(/^ {0,3}> ?/, ""));
      nodes.push(el("blockquote", ...blocks(quoted)));
    } else if (marker(line)) {
      const [node, next] = list(lines, i);
      nodes.push(node);
      i = next;
    } else if (line.includes("|") && /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] ?? "") && (lines[i + 1] ?? "").includes("-")) {
      const [node, next] = table(lines, i);
      nodes.push(node);
      i = next;
    } else {
      const paragraph = [];
      while (i < lines.length && lines[i].trim() !== "" && !(paragraph.length > 0 && starts(lines[i]))) paragraph.push(lines[i++]);
      nodes.push(el("p", ...inline(paragraph.join("\n"))));
    }
  }
  return nodes;
}

const starts = line => /^ {0,3}(`{3,}|~{3,}|#{1,6}\s|>)/.test(line) || marker(line);
const marker = line => /^( *)([-*+]|\d{1,9}[.)])( +|$)/.exec(line);

function list(lines, start) {
  const first = marker(lines[start]), ordered = /\d/.test(first[2]), node = el(ordered ? "ol" : "ul");
  if (ordered) node.start = parseInt(first[2], 10);
  let i = start;
  while (i < lines.length) {
    const begin = marker(lines[i]);
    if (!begin || begin[1].length < first[1].length || begin[1].length > first[1].length + 1 || /\d/.test(begin[2]) !== ordered) break;
    const indent = begin[0].length, item = [lines[i++].slice(indent)];
    while (i < lines.length) {
      const line = lines[i], blank = line.trim() === "", inner = line.length - line.trimStart().length;
      if (blank && (lines[i + 1] ?? "").trim() !== "" && (lines[i + 1].length - lines[i + 1].trimStart().length >= Math.min(indent, 2) || marker(lines[i + 1])?.[1].length === first[1].length)) {
        if (marker(lines[i + 1])?.[1].length === first[1].length) { i++; break; }
        item.push("");
        i++;
      } else if (!blank && inner > first[1].length) {
        item.push(line.slice(Math.min(inner, indent)));
        i++;
      } else if (!blank && !marker(line) && !starts(line) && item.at(-1) !== "") {
        item.push(line);
        i++;
      } else {
        break;
      }
    }
    const inside = blocks(item);
    node.append(el("li", ...(inside.length === 1 && inside[0].tagName === "P" ? inside[0].childNodes : inside)));
  }
  return [node, i];
}

const cells = line => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map(cell => cell.trim().replaceAll("\\|", "|"));

function table(lines, start) {
  const heads = cells(lines[start]), body = el("tbody");
  let i = start + 2;
  for (; i < lines.length && lines[i].includes("|") && lines[i].trim() !== ""; i++) {
    const row = cells(lines[i]);
    body.append(el("tr", ...heads.map((_, at) => el("td", ...inline(row[at] ?? "")))));
  }
  const node = el("div", el("table", el("thead", el("tr", ...heads.map(head => el("th", ...inline(head))))), body));
  node.className = "table";
  node.tabIndex = 0;
  node.setAttribute("role", "region");
  node.setAttribute("aria-label", "Table");
  return [node, i];
}

function codeBlock(code, language) {
  const copy = el("button", "Copy"), pre = el("pre", el("code", code));
  copy.type = "button";
  copy.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(code);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", language ? `Code in ${language}` : "Code");
  const head = el("div", el("span", language || "code"), copy), node = el("div", head, pre);
  head.className = "head";
  node.className = "block";
  return node;
}

/** Pieces of a line: the earliest of code, link, emphasis and break, then what follows. */
const PIECES = new RegExp([
  "(?<escape>\\\\[!-/:-@\\[-`{-~])", "(?<code>(`+)(?<codeText>[^`]|[^`][\\s\\S]*?[^`])\\3(?!`))",
  "(?<link>(?<image>!?)\\[(?<label>(?:[^\\[\\]]|\\[[^\\[\\]]*\\])*)\\]\\(\\s*<?(?<url>[^\\s()<>]*(?:\\([^\\s()]*\\)[^\\s()<>]*)*)>?(?:\\s+[\"'][^\"']*[\"'])?\\s*\\))",
  "(?<strong>(?<mark>\\*\\*|__)(?=\\S)(?<strongText>[\\s\\S]*?\\S)\\k<mark>)", "(?<strike>~~(?=\\S)(?<strikeText>[\\s\\S]*?\\S)~~)",
  "(?<em>(?<star>\\*)(?=\\S)(?<emText>[^*]*?[^\\s*])\\*(?!\\*)|(?<![\\w])_(?=\\S)(?<underText>[^_]*?[^\\s_])_(?![\\w]))",
  "(?<auto>https?://[^\\s<>()]*[^\\s<>().,;:!?\"'])", "(?<break> {2,}\\n|\\\\\\n)",
].join("|"));

function inline(text) {
  const nodes = [];
  for (let rest = text; rest.length > 0;) {
    const match = PIECES.exec(rest);
    if (!match) {
      nodes.push(rest);
      break;
    }
    if (match.index > 0) nodes.push(rest.slice(0, match.index));
    nodes.push(...piece(match.groups, match[0]));
    rest = rest.slice(match.index + match[0].length);
  }
  return nodes;
}

function piece(found, whole) {
  if (found.escape) return [whole[1]];
  if (found.code) return [el("code", found.codeText.replaceAll("\n", " ").trim() || found.codeText)];
  if (found.link) return link(found.url, found.image ? [found.label || "picture"] : inline(found.label), whole);
  if (found.strong) return [el("strong", ...inline(found.strongText))];
  if (found.strike) return [el("del", ...inline(found.strikeText))];
  if (found.em) return [el("em", ...inline(found.emText ?? found.underText))];
  if (found.auto) return link(found.auto, [found.auto], whole);
  return [el("br")];
}

// Addresses that could run something stay text, and pictures are named, not fetched: an address fetched tells its owner what was said.
function link(url, inside, whole) {
  if (!SAFE.test(url)) return [whole];
  const node = el("a", ...inside);
  node.href = url;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return [node];
}
