// npm ollama.
import { Ollama } from 'ollama';
import { aborted, serve, weather } from './harness.mjs';

const make = call => new Ollama({ host: call.url, fetch: call.fetch, headers: { Authorization: `Bearer ${call.key}` } });
const asked = (call, more) => ({
  model: call.model, messages: [{ role: 'user', content: call.prompt, ...more }], options: { temperature: call.temperature, num_predict: call.maxTokens },
});
const told = (answer, more) => ({
  text: answer.message.content, finish: answer.done_reason, input: answer.prompt_eval_count, output: answer.eval_count, ...more,
});
const tools = [{ type: 'function', function: { name: 'weather', description: 'Tells the weather.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }];
const Place = { type: 'object', properties: { capital: { type: 'string', enum: ['Lima', 'Quito'] }, sure: { type: 'boolean' } },
  required: ['capital', 'sure'], additionalProperties: false };

async function whole(stream) {
  const message = { role: 'assistant', content: '', tool_calls: [] };
  let last, pieces = 0;
  for await (const line of stream) {
    message.content += line.message.content;
    message.tool_calls.push(...line.message.tool_calls ?? []);
    pieces += line.message.content.length > 0 ? 1 : 0;
    last = line;
  }

  return { ...last, message, pieces };
}

async function withTools(call, next) {
  const calls = [], request = { ...asked(call), tools };
  for (;;) {
    const answer = await next(request);
    if (!answer.message.tool_calls?.length) {
      return told(answer, { calls });
    }

    request.messages.push(answer.message);
    for (const { function: wanted } of answer.message.tool_calls) {
      calls.push({ name: wanted.name, arguments: wanted.arguments });
      request.messages.push({ role: 'tool', tool_name: wanted.name, content: weather(wanted.arguments) });
    }
  }
}

const chat = {
  chat: async call => told(await make(call).chat(asked(call))),

  async stream(call) {
    const answer = await whole(await make(call).chat({ ...asked(call), stream: true }));
    return told(answer, { pieces: answer.pieces });
  },

  picture: async call => told(await make(call).chat(asked(call, { images: [new Uint8Array(call.bytes)] }))),
  sound: async call => told(await make(call).chat(asked(call, { images: [new Uint8Array(call.bytes)] }))),
  tools: call => withTools(call, request => make(call).chat(request)),
  toolsStream: call => withTools(call, async request => whole(await make(call).chat({ ...request, stream: true }))),

  async schema(call) {
    const answer = await make(call).chat({ ...asked(call), format: Place });
    return told(answer, { value: JSON.parse(answer.message.content) });
  },

  async abort(call) {
    const stream = await make(call).chat({ ...asked(call), stream: true });
    return aborted(stream, () => stream.abort(), line => line.message.content.length > 0);
  },

  embeddings: call => make(call).embed({ model: call.model, input: 'Hello' }),

  async models(call) {
    const client = make(call);
    const list = await client.list(), shown = await client.show({ model: call.model }), running = await client.ps();
    return { ids: [...list.models, ...running.models].map(model => model.name), id: (await client.version()).version, value: shown };
  },

  async generate(call) {
    const answer = await make(call).generate({ model: call.model, prompt: call.prompt, options: { temperature: 0, num_predict: call.maxTokens } });
    return { text: answer.response, finish: answer.done_reason, input: answer.prompt_eval_count, output: answer.eval_count };
  },

  async generateStream(call) {
    const answer = { text: '', pieces: 0 };
    for await (const line of await make(call).generate({
      model: call.model, prompt: call.prompt, options: { temperature: 0, num_predict: call.maxTokens }, stream: true })) {
      answer.text += line.response;
      answer.pieces += line.response.length > 0 ? 1 : 0;
      Object.assign(answer, { finish: line.done_reason, input: line.prompt_eval_count, output: line.eval_count });
    }

    return answer;
  },

  pull: call => make(call).pull({ model: 'gemma3n' }),
};

serve({ chat });
