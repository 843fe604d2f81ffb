// npm @anthropic-ai/sdk: messages with the client's own helpers.
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import { aborted, serve, weather } from './harness.mjs';

const make = call => new Anthropic({ baseURL: call.url.replace(/\/$/, ''), apiKey: call.key, maxRetries: call.retries, fetch: call.fetch });
const Place = z.object({ capital: z.enum(['Lima', 'Quito']), sure: z.boolean() });

const asked = (call, content = call.prompt) => ({
  model: call.model, messages: [{ role: 'user', content }], temperature: call.temperature, max_tokens: call.maxTokens,
});
const told = (message, more) => ({
  text: message.content.filter(block => block.type === 'text').map(block => block.text).join(''), finish: message.stop_reason,
  input: message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0), output: message.usage.output_tokens, ...more,
});
const tools = calls => [betaZodTool({
  name: 'weather', description: 'Tells the weather.', inputSchema: z.object({ city: z.string() }),
  run: given => {
    calls.push({ name: 'weather', arguments: given });
    return weather(given);
  },
})];

const messages = {
  chat: async call => told(await make(call).messages.create(asked(call))),

  async stream(call) {
    const stream = make(call).messages.stream(asked(call));
    let pieces = 0;
    stream.on('text', () => pieces++);
    return told(await stream.finalMessage(), { pieces });
  },

  picture: async call => told(await make(call).messages.create(asked(call, [
    { type: 'image', source: { type: 'base64', media_type: call.mediaType, data: call.media } }, { type: 'text', text: call.prompt }]))),

  /** The client has no word for sound; a document is what comes nearest. */
  sound: async call => told(await make(call).messages.create(asked(call, [
    { type: 'document', source: { type: 'base64', media_type: call.mediaType, data: call.media } }, { type: 'text', text: call.prompt }]))),

  async tools(call) {
    const calls = [];
    return told(await make(call).beta.messages.toolRunner({ ...asked(call), tools: tools(calls) }), { calls });
  },

  async toolsStream(call) {
    const calls = [];
    const runner = make(call).beta.messages.toolRunner({ ...asked(call), tools: tools(calls), stream: true });
    let last;
    for await (const stream of runner) {
      last = await stream.finalMessage();
    }

    return told(last, { calls });
  },

  async schema(call) {
    const message = await make(call).messages.parse({ ...asked(call), output_config: { format: zodOutputFormat(Place) } });
    return told(message, { value: message.parsed_output });
  },

  async abort(call) {
    const stream = await make(call).messages.create({ ...asked(call), stream: true });
    return aborted(stream, () => stream.controller.abort(), event => event.type === 'content_block_delta');
  },

  async count(call) {
    return { input: (await make(call).messages.countTokens({ model: call.model, messages: [{ role: 'user', content: call.prompt }] })).input_tokens };
  },

  async system(call) {
    return told(await make(call).messages.create({ ...asked(call), system: [{ type: 'text', text: call.prompts[0], cache_control: { type: 'ephemeral' } }], stop_sequences: ['Lima'] }));
  },
};

serve({ messages });
