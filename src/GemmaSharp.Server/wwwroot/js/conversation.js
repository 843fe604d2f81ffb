// A conversation is a tree: editing a question or asking for another answer adds a sibling, and one path through it is shown.
const newId = () => crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, "0")).join("");

export const create = () => ({ id: newId(), title: "", created: Date.now(), updated: Date.now(), nodes: {}, chosen: {} });

/** Children of a node, "" for the beginning, in the order in which they were made. */
export const children = (conversation, parent) => Object.values(conversation.nodes).filter(node => node.parent === parent).sort((a, b) => a.order - b.order);

/** The nodes that are shown, first to last. */
export function path(conversation) {
  const nodes = [];
  for (let parent = ""; ;) {
    const among = children(conversation, parent);
    if (among.length === 0) return nodes;
    const node = conversation.nodes[conversation.chosen[parent]] ?? among.at(-1);
    nodes.push(node);
    parent = node.id;
  }
}

export function add(conversation, parent, role, text, attachments = []) {
  const node = { id: newId(), parent, order: Object.keys(conversation.nodes).length, role, text, attachments, state: "done", changed: Date.now() };
  conversation.nodes[node.id] = node;
  conversation.chosen[parent] = node.id;
  conversation.updated = Date.now();
  conversation.title ||= text.trim().split("\n")[0].slice(0, 60) || attachments[0]?.name || "";
  return node;
}

/** Shows the next or the previous sibling. */
export function turn(conversation, node, step) {
  const among = children(conversation, node.parent);
  const at = among.findIndex(each => each.id === node.id) + step;
  if (among[at]) conversation.chosen[node.parent] = among[at].id;
}

/** The path in the form of the command line's files: a list of messages whose content is a text or a list of parts. */
export function toFile(conversation, system) {
  const messages = path(conversation).map(node => ({
    role: node.role,
    content: node.attachments.length === 0 ? node.text
      : [...node.attachments.map(each => ({ type: each.kind, [each.kind]: each.url })), ...(node.text ? [{ type: "text", text: node.text }] : [])],
  }));
  return system ? [{ role: "system", content: system }, ...messages] : messages;
}

const KINDS = ["image", "audio", "video"];

/** Whether the bytes of a data: address can be had. */
function isWhole(url) {
  try {
    const [head, data] = url.split(",");
    return !head.endsWith(";base64") || atob(data).length > 0;
  } catch {
    return false;
  }
}

/** A conversation out of such a list; with it the system text, if there is one. */
export function fromFile(list) {
  if (!Array.isArray(list)) throw new Error("The file holds no list of messages; choose one that was exported here or saved by gemma chat.");
  const conversation = create(), roles = { user: "user", assistant: "assistant", model: "assistant", system: "system", developer: "system" };
  let parent = "", system = "";
  for (const [i, message] of list.entries()) {
    const parts = typeof message?.content === "string" ? [{ type: "text", text: message.content }] : message?.content;
    if (typeof message?.role !== "string" || !Array.isArray(parts)) throw new Error(`Message ${i} has no role or no content; each needs both.`);
    const role = roles[message.role];
    if (!role) throw new Error(`Message ${i} has the role ${message.role}; user, assistant and system are known.`);
    if (parts.some(part => typeof part?.type !== "string")) throw new Error(`Message ${i} has a part without a type; each needs one.`);
    const text = parts.filter(part => part.type === "text").map(part => part.text).join("\n\n");
    if (role === "system") {
      system = system ? `${system}\n\n${text}` : text;
      continue;
    }
    const attachments = parts.filter(part => part.type !== "text").map(part => {
      const url = part[part.type];
      if (!KINDS.includes(part.type)) throw new Error(`Message ${i} has a part of the type ${part.type}; text, image, audio and video are known.`);
      if (typeof url !== "string" || !url.startsWith("data:")) throw new Error(`Message ${i} names the file ${url}; only files inside the conversation can be imported.`);
      if (!isWhole(url)) throw new Error(`Message ${i} has a file that is not sound; export the conversation again.`);
      return { kind: part.type, name: part.type, url };
    });
    parent = add(conversation, parent, role, text, attachments).id;
  }
  return { conversation, system };
}
