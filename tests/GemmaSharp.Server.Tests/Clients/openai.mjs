// npm openai: chat completions and responses with the client's own helpers, and the other endpoints.
import OpenAI, { toFile } from 'openai';
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { aborted, serve, weather } from './harness.mjs';

const make = call => new OpenAI({ baseURL: call.url + 'v1', apiKey: call.key, maxRetries: call.retries, fetch: call.fetch });
const Place = z.object({ capital: z.enum(['Lima', 'Quito']), sure: z.boolean() });
const City = z.object({ city: z.string() });
const data = call => `data:${call.mediaType};base64,${call.media}`;

const user = content => [{ role: 'user', content }];
const asked = (call, content = call.prompt) => ({
  model: call.model, messages: user(content), temperature: call.temperature, max_completion_tokens: call.maxTokens,
});
const told = (completion, more) => ({
  text: completion.choices[0].message.content, finish: completion.choices[0].finish_reason,
  input: completion.usage?.prompt_tokens, output: completion.usage?.completion_tokens, ...more,
});
const tools = calls => [zodFunction({
  name: 'weather', description: 'Tells the weather.', parameters: City,
  function: given => {
    calls.push({ name: 'weather', arguments: given });
    return weather(given);
  },
})];

const chat = {
  async chat(call) {
    return told(await make(call).chat.completions.create(asked(call)));
  },

  async stream(call) {
    const stream = make(call).chat.completions.stream({ ...asked(call), stream_options: { include_usage: true } });
    let pieces = 0;
    stream.on('content', () => pieces++);
    return told(await stream.finalChatCompletion(), { pieces });
  },

  async picture(call) {
    return told(await make(call).chat.completions.create(asked(call, [
      { type: 'image_url', image_url: { url: data(call) } }, { type: 'text', text: call.prompt }])));
  },

  async sound(call) {
    return told(await make(call).chat.completions.create(asked(call, [
      { type: 'input_audio', input_audio: { data: call.media, format: 'wav' } }, { type: 'text', text: call.prompt }])));
  },

  async tools(call) {
    const calls = [];
    const runner = make(call).chat.completions.runTools({ ...asked(call), tools: tools(calls) });
    return told(await runner.finalChatCompletion(), { calls });
  },

  async toolsStream(call) {
    const calls = [];
    const runner = make(call).chat.completions.runTools({ ...asked(call), tools: tools(calls), stream: true });
    return told(await runner.finalChatCompletion(), { calls });
  },

  async schema(call) {
    const completion = await make(call).chat.completions.parse({ ...asked(call), response_format: zodResponseFormat(Place, 'place') });
    return told(completion, { value: completion.choices[0].message.parsed });
  },

  async abort(call) {
    const stream = await make(call).chat.completions.create({ ...asked(call), stream: true });
    return aborted(stream, () => stream.controller.abort(), chunk => chunk.choices[0].delta.content);
  },

  async embeddings(call) {
    return make(call).embeddings.create({ model: call.model, input: 'Hello' });
  },

  async models(call) {
    const client = make(call), ids = [];
    for await (const model of client.models.list()) {
      ids.push(model.id);
    }

    return { ids, id: (await client.models.retrieve(call.model)).id };
  },

  async logprobs(call) {
    const completion = await make(call).chat.completions.create({ ...asked(call), logprobs: true, top_logprobs: 2 });
    return told(completion, { value: completion.choices[0].logprobs.content });
  },

  async several(call) {
    const completion = await make(call).chat.completions.create({ ...asked(call), n: 3 });
    return told(completion, { ids: completion.choices.map(choice => choice.message.content) });
  },


  async completion(call) {
    const completion = await make(call).completions.create({
      model: call.model, prompt: call.prompt, temperature: call.temperature, max_tokens: call.maxTokens,
    });
    return { text: completion.choices[0].text, finish: completion.choices[0].finish_reason,
      input: completion.usage.prompt_tokens, output: completion.usage.completion_tokens };
  },

  async completionStream(call) {
    const stream = await make(call).completions.create({
      model: call.model, prompt: call.prompt, temperature: call.temperature, max_tokens: call.maxTokens, stream: true, stream_options: { include_usage: true },
    });
    const answer = { text: '', pieces: 0 };
    for await (const chunk of stream) {
      answer.text += chunk.choices[0]?.text ?? '';
      answer.pieces++;
      answer.finish = chunk.choices[0]?.finish_reason ?? answer.finish;
      answer.output = chunk.usage?.completion_tokens ?? answer.output;
    }

    return answer;
  },

  async transcription(call) {
    const file = await toFile(call.bytes, 'speech.wav', { type: 'audio/wav' });
    return { value: await make(call).audio.transcriptions.create({ model: 'whisper-1', file, response_format: call.prompt }) };
  },

  async transcriptionStream(call) {
    const file = await toFile(call.bytes, 'speech.wav', { type: 'audio/wav' });
    const stream = await make(call).audio.transcriptions.create({ model: 'gpt-4o-transcribe', file, stream: true });
    const answer = { text: '', pieces: 0 };
    for await (const event of stream) {
      if (event.type === 'transcript.text.delta') {
        answer.text += event.delta;
        answer.pieces++;
      } else {
        answer.value = event;
      }
    }

    return answer;
  },

  async translation(call) {
    const file = await toFile(call.bytes, 'speech.wav', { type: 'audio/wav' });
    return { text: (await make(call).audio.translations.create({ model: call.model, file })).text };
  },
};

const answered = (call, input = call.prompt) => ({
  model: call.model, input, temperature: call.temperature, max_output_tokens: call.maxTokens,
});
const toldOf = (response, more) => ({
  text: response.output_text, finish: response.status, input: response.usage?.input_tokens, output: response.usage?.output_tokens, ...more,
});
const flat = [{ type: 'function', name: 'weather', description: 'Tells the weather.', strict: true,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } }];

async function responseTools(call, next) {
  const calls = [], input = [...user(call.prompt)];
  for (;;) {
    const response = await next({ ...answered(call, input), tools: flat });
    const wanted = response.output.filter(item => item.type === 'function_call');
    if (wanted.length === 0) {
      return toldOf(response, { calls });
    }

    input.push(...response.output);
    for (const item of wanted) {
      const given = JSON.parse(item.arguments);
      calls.push({ name: item.name, arguments: given });
      input.push({ type: 'function_call_output', call_id: item.call_id, output: weather(given) });
    }
  }
}

const responses = {
  async chat(call) {
    return toldOf(await make(call).responses.create(answered(call)));
  },

  async stream(call) {
    const stream = make(call).responses.stream(answered(call));
    let pieces = 0;
    stream.on('response.output_text.delta', () => pieces++);
    return toldOf(await stream.finalResponse(), { pieces });
  },

  async picture(call) {
    return toldOf(await make(call).responses.create(answered(call, user([
      { type: 'input_image', image_url: data(call), detail: 'auto' }, { type: 'input_text', text: call.prompt }]))));
  },

  async sound(call) {
    return toldOf(await make(call).responses.create(answered(call, user([
      { type: 'input_audio', input_audio: { data: call.media, format: 'wav' } }, { type: 'input_text', text: call.prompt }]))));
  },

  tools: call => responseTools(call, request => make(call).responses.create(request)),
  toolsStream: call => responseTools(call, request => make(call).responses.stream(request).finalResponse()),

  async schema(call) {
    const response = await make(call).responses.parse({ ...answered(call), text: { format: zodTextFormat(Place, 'place') } });
    return toldOf(response, { value: response.output_parsed });
  },

  async abort(call) {
    const stream = await make(call).responses.create({ ...answered(call), stream: true });
    return aborted(stream, () => stream.controller.abort(), event => event.type === 'response.output_text.delta');
  },

  async events(call) {
    const stream = await make(call).responses.create({ ...answered(call), stream: true });
    const ids = [], numbers = [];
    for await (const event of stream) {
      ids.push(event.type);
      numbers.push(event.sequence_number);
    }

    return { ids, value: numbers };
  },

  async previous(call) {
    const client = make(call);
    const first = await client.responses.create({ ...answered(call), store: true });
    const second = await client.responses.create({ ...answered(call, call.prompts[0]), previous_response_id: first.id, store: true });
    const kept = await client.responses.retrieve(second.id);
    const items = await client.responses.inputItems.list(second.id);
    await client.responses.delete(first.id);
    let gone = null;
    await client.responses.retrieve(first.id).catch(error => gone = error.constructor.name);
    return toldOf(second, { ids: [first.output_text, kept.output_text, gone, kept.previous_response_id === first.id ? 'linked' : 'unlinked', String(items.data.length)] });
  },

  async unknownPrevious(call) {
    return make(call).responses.create({ ...answered(call), previous_response_id: 'resp_nothing' });
  },
};

serve({ chat, responses });
