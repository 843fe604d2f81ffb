// The server's own interface: OpenAI's chat completions.
export class ServerError extends Error {
  constructor(message, status, code) {
    super(message);
    Object.assign(this, { status, code });
  }
}

/** Nobody answered at all. */
export class Offline extends Error {}

const headers = key => ({ "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) });

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Offline("The server does not answer.");
  }
  if (response.ok) return response;
  let message = `The server answers ${response.status}.`, code = null;
  try {
    const body = await response.json();
    message = body.error?.message ?? body.error ?? message;
    code = body.error?.code;
  } catch {
    // Then its status has to do.
  }
  throw new ServerError(message, response.status, code);
}

export const models = async key => (await (await ask("v1/models", { headers: headers(key) })).json()).data;

export async function healthy() {
  try {
    return (await fetch("health", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

export const preview = async (attachment, key, signal) => (await ask("preview", {
  method: "POST", headers: headers(key), signal,
  body: JSON.stringify(attachment.kind === "image" ? { image_url: attachment.url } : { input_audio: { data: attachment.url } }),
})).json();

function part(attachment) {
  switch (attachment.kind) {
    case "image": return { type: "image_url", image_url: { url: attachment.url } };
    case "audio": return { type: "input_audio", input_audio: { data: attachment.url, format: "wav" } };
    default: return { type: "video_url", video_url: { url: attachment.url } };
  }
}

/** The most files that the server takes with a request. */
export const MOST_FILES = 16;

/** Messages as they are sent. Of more files than are taken, the oldest are left out. */
export function messages(nodes, system) {
  let spare = nodes.reduce((sum, node) => sum + node.attachments.length, 0) - MOST_FILES;
  return [
    ...(system ? [{ role: "system", content: system }] : []),
    ...nodes.map(node => {
      const parts = node.attachments.map(each => (spare-- > 0 ? { type: "text", text: `[${each.name || each.kind}, left out]` } : part(each)));
      return { role: node.role, content: parts.length > 0 ? [...parts, ...(node.text ? [{ type: "text", text: node.text }] : [])] : node.text };
    }),
  ];
}

/** Has an answer streamed; every chunk is handed on as it comes. Returns when it is whole, throws when it is not. */
export async function chat(request, key, signal, take) {
  const response = await ask("v1/chat/completions", {
    method: "POST", headers: headers(key), signal,
    body: JSON.stringify({ ...request, stream: true, stream_options: { include_usage: true } }),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (held + value).split("\n");
      held = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data: ")) continue;
        const data = line.slice(6);
        if (data === "[DONE]") return;
        const chunk = JSON.parse(data);
        if (chunk.error) throw new ServerError(chunk.error.message, 500, chunk.error.code);
        take(chunk);
      }
    }
  } catch (error) {
    if (error instanceof ServerError || signal.aborted) throw error;
    throw new Offline("The connection broke before the answer was whole.");
  }
  throw new Offline("The answer broke off before it was whole.");
}
