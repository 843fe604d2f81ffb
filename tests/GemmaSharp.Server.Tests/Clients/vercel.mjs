// npm ai with @ai-sdk/openai: responses, which is its default, and chat completions.
import { createOpenAI } from '@ai-sdk/openai';
import { embed, generateText, isStepCount, Output, streamText, tool, transcribe } from 'ai';
import { z } from 'zod';
import { aborted, serve, weather } from './harness.mjs';

const provider = call => createOpenAI({ baseURL: call.url + 'v1', apiKey: call.key, fetch: call.fetch });
const Place = z.object({ capital: z.enum(['Lima', 'Quito']), sure: z.boolean() });

const told = async (result, more) => {
  const usage = await result.usage;
  return { text: await result.text, finish: await result.finishReason, input: usage.inputTokens, output: usage.outputTokens, ...more };
};

function cases(modelOf) {
  const asked = call => ({
    model: modelOf(provider(call), call.model), temperature: call.temperature, maxOutputTokens: call.maxTokens, maxRetries: call.retries,
  });
  const message = (call, type) => [{ role: 'user', content: [{ type, [type === 'image' ? 'image' : 'data']: call.bytes, mediaType: call.mediaType }, { type: 'text', text: call.prompt }] }];
  const withTools = (call, calls) => ({
    ...asked(call), prompt: call.prompt, stopWhen: isStepCount(3),
    tools: {
      weather: tool({
        description: 'Tells the weather.', inputSchema: z.object({ city: z.string() }),
        execute: async given => {
          calls.push({ name: 'weather', arguments: given });
          return weather(given);
        },
      }),
    },
  });

  /** A stream's failure comes as a part of it, not as an exception. */
  const streamed = call => {
    const errors = [];
    return { options: { ...call, onError: ({ error }) => errors.push(error) }, errors };
  };

  return {
    chat: async call => told(await generateText({ ...asked(call), prompt: call.prompt })),

    async stream(call) {
      const { options, errors } = streamed({ ...asked(call), prompt: call.prompt });
      const result = streamText(options);
      let pieces = 0;
      for await (const piece of result.textStream) {
        pieces += piece.length > 0 ? 1 : 0;
      }

      if (errors.length > 0) {
        throw errors[0];
      }

      return told(result, { pieces });
    },

    picture: async call => told(await generateText({ ...asked(call), messages: message(call, 'image') })),
    sound: async call => told(await generateText({ ...asked(call), messages: message(call, 'file') })),

    async tools(call) {
      const calls = [];
      return told(await generateText(withTools(call, calls)), { calls });
    },

    async toolsStream(call) {
      const calls = [];
      const { options, errors } = streamed(withTools(call, calls));
      const result = streamText(options);
      await result.consumeStream();
      if (errors.length > 0) {
        throw errors[0];
      }

      return told(result, { calls });
    },

    async schema(call) {
      const result = await generateText({ ...asked(call), prompt: call.prompt, output: Output.object({ schema: Place }) });
      return told(result, { value: result.output });
    },

    async abort(call) {
      const stop = new AbortController();
      const result = streamText({ ...asked(call), prompt: call.prompt, abortSignal: stop.signal, onError: () => {} });
      return aborted(result.textStream, () => stop.abort());
    },

    embeddings: call => embed({ model: provider(call).embedding(call.model), value: 'Hello', maxRetries: 0 }),

    async transcription(call) {
      const result = await transcribe({ model: provider(call).transcription('whisper-1'), audio: call.bytes, maxRetries: 0 });
      return { text: result.text, value: result.segments };
    },

    async completion(call) {
      return told(await generateText({
        model: provider(call).completion(call.model), prompt: call.prompt, temperature: call.temperature, maxOutputTokens: call.maxTokens, maxRetries: 0,
      }));
    },
  };
}

serve({ responses: cases((openai, model) => openai(model)), chat: cases((openai, model) => openai.chat(model)) });
