// npm @langchain/openai: chat completions and responses.
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { aborted, serve, weather } from './harness.mjs';

const Place = z.object({ capital: z.enum(['Lima', 'Quito']), sure: z.boolean() });

function cases(useResponsesApi) {
  const make = call => new ChatOpenAI({
    model: call.model, apiKey: call.key, temperature: call.temperature, maxTokens: call.maxTokens, maxRetries: call.retries, useResponsesApi,
    configuration: { baseURL: call.url + 'v1', fetch: call.fetch },
  });
  const told = (message, more) => ({
    text: message.text, finish: message.response_metadata.finish_reason ?? message.response_metadata.status,
    input: message.usage_metadata?.input_tokens, output: message.usage_metadata?.output_tokens, ...more,
  });

  async function withTools(call, next) {
    const calls = [];
    const tellsWeather = tool(given => {
      calls.push({ name: 'weather', arguments: given });
      return weather(given);
    }, { name: 'weather', description: 'Tells the weather.', schema: z.object({ city: z.string() }) });
    const model = make(call).bindTools([tellsWeather]);
    const messages = [new HumanMessage(call.prompt)];
    for (;;) {
      const answer = await next(model, messages);
      if (!answer.tool_calls?.length) {
        return told(answer, { calls });
      }

      messages.push(answer);
      for (const wanted of answer.tool_calls) {
        const result = await tellsWeather.invoke(wanted);
        messages.push(ToolMessage.isInstance?.(result) ? result : new ToolMessage({ content: String(result), tool_call_id: wanted.id, name: wanted.name }));
      }
    }
  }

  const together = async stream => {
    let whole, pieces = 0;
    for await (const chunk of stream) {
      whole = whole ? whole.concat(chunk) : chunk;
      pieces += chunk.text.length > 0 ? 1 : 0;
    }

    return { whole, pieces };
  };

  return {
    chat: async call => told(await make(call).invoke(call.prompt)),

    async stream(call) {
      const { whole, pieces } = await together(await make(call).stream(call.prompt));
      return told(whole, { pieces });
    },

    picture: async call => told(await make(call).invoke([new HumanMessage({ content: [
      { type: 'image_url', image_url: { url: `data:${call.mediaType};base64,${call.media}` } }, { type: 'text', text: call.prompt }] })])),
    sound: async call => told(await make(call).invoke([new HumanMessage({ content: [
      { type: 'input_audio', input_audio: { data: call.media, format: 'wav' } }, { type: 'text', text: call.prompt }] })])),
    tools: call => withTools(call, (model, messages) => model.invoke(messages)),
    toolsStream: call => withTools(call, async (model, messages) => (await together(await model.stream(messages))).whole),

    async schema(call) {
      return { value: await make(call).withStructuredOutput(Place, { name: 'place', method: 'jsonSchema', strict: true }).invoke(call.prompt) };
    },

    /** The form before schemas were: the answer is the arguments of a call that must be made. */
    async schemaByCall(call) {
      return { value: await make(call).withStructuredOutput(Place, { name: 'place', method: 'functionCalling' }).invoke(call.prompt) };
    },

    async abort(call) {
      const stop = new AbortController();
      return aborted(await make(call).stream(call.prompt, { signal: stop.signal }), () => stop.abort(), chunk => chunk.text.length > 0);
    },

    embeddings: call => new OpenAIEmbeddings({
      model: call.model, apiKey: call.key, maxRetries: 0, configuration: { baseURL: call.url + 'v1', fetch: call.fetch },
    }).embedQuery('Hello'),
  };
}

serve({ chat: cases(false), responses: cases(true) });
