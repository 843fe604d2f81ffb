using System.Text.Json;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Operations;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI.Completions;

/// <summary><c>POST /v1/completions</c>: texts and ids that are continued as they are.</summary>
sealed class TextCompletions(ModelCatalog catalog, AnswerPump pump, FieldLog log)
{
    /// <summary>The most answers of a request: prompts times answers to each.</summary>
    const int MostChoices = 64;

    const int DefaultMaxTokens = 16;
    const int MostLogprobs = 5;

    static readonly HashSet<string> s_known =
    [
        "model", "prompt", "suffix", "max_tokens", "temperature", "top_p", "top_k", "min_p", "n", "stream", "stream_options", "logprobs", "echo", "stop",
        "presence_penalty", "frequency_penalty", "repetition_penalty", "repeat_penalty", "best_of", "logit_bias", "user", "seed", "ignore_eos", "min_tokens",
        "cache_prompt", "cache_salt", "response_format", "grammar", "json_schema", "guided_json", "guided_regex", "guided_grammar", "guided_choice",
        "structured_outputs",
    ];

    public async Task AnswerAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_known);
        SelectedModel model = catalog.Select(body.Name("model"));
        int count = body.Whole("n", 1, ChatCompletions.MostAnswers) ?? 1;
        bool echoes = body.Flag("echo") ?? false;
        int? logprobs = Logprobs(body);
        Refuse(body, count, echoes, logprobs);
        Prompt[] prompts = Prompts(body, model.Model);
        if (prompts.Length * count > MostChoices)
        {
            throw ApiException.Invalid(
                "n", $"{prompts.Length} prompts with n {count} are {prompts.Length * count} answers; at most {MostChoices} are given at once.");
        }

        GenerationOptions options = SamplingFields.Read(body, pump.Options) with { Logprobs = logprobs };
        options = options with
        {
            MaxTokens = body.Has("max_tokens") || body.Has("max_completion_tokens") ? options.MaxTokens
                : SamplingFields.MaxTokens(DefaultMaxTokens, pump.Options),
            Constraint = await FormatFields.ReadAsync(body).ConfigureAwait(false),
        };
        var request = new GenerationRequest { Options = options, Tenant = Tenants.Of(context, body) };
        if (body.Flag("stream") == true)
        {
            bool includesUsage = body.Object("stream_options")?.Flag("include_usage") ?? false;
            await StreamAsync(context, model, request, prompts, count, echoes, includesUsage).ConfigureAwait(false);
        }
        else
        {
            await WholeAsync(context, model, request, prompts, count, echoes).ConfigureAwait(false);
        }
    }

    async Task WholeAsync(HttpContext context, SelectedModel model, GenerationRequest request, IReadOnlyList<Prompt> prompts, int count, bool echoes)
    {
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        var choices = new List<TextChoice>();
        var costs = new List<Usage>();
        using ServerState.Scope scope = pump.Begin();
        await pump.TryAsync(context, reply, () => PromptField.NamedAsync("prompt", async () =>
        {
            foreach (Prompt prompt in prompts)
            {
                AnswerText[] answers = [.. Enumerable.Range(0, count).Select(_ => new AnswerText())];
                IReadOnlyList<GenerationStatistics> statistics = await pump.TakeAsync(
                    context, model, request with { PromptIds = prompt.Ids }, count, reply, (int index, in GeneratedToken token) => answers[index].Add(token))
                    .ConfigureAwait(false);
                string before = echoes ? prompt.Text ?? model.Model.Tokenizer.Decode(prompt.Ids) : "";
                foreach (AnswerText answer in answers)
                {
                    var logprobs = new LogprobLists(model.Model.Tokenizer);
                    answer.Tokens.ForEach(token => logprobs.Add(token));
                    choices.Add(new TextChoice(
                        before + answer.Text, choices.Count, logprobs.Take(), AnswerParts.FinishReason(answer.StopReason ?? StopReason.EndOfTurn)));
                }

                costs.Add(AnswerParts.Usage(statistics));
            }

            TextCompletion whole = Template(model) with { Choices = choices, Usage = new OptionalUsage(true, Sum(costs)) };
            await reply.EndAsync(whole, CompletionsJson.Default.TextCompletion).ConfigureAwait(false);
        })).ConfigureAwait(false);
    }

    async Task StreamAsync(
        HttpContext context, SelectedModel model, GenerationRequest request, IReadOnlyList<Prompt> prompts, int count, bool echoes, bool includesUsage)
    {
        using var stream = new EventStream(context, pump.Options, Dialect.OpenAI);
        TextCompletion template = Template(model) with { Usage = includesUsage ? OptionalUsage.Later : default };
        var costs = new List<Usage>();
        using ServerState.Scope scope = pump.Begin();
        await pump.TryAsync(context, stream, () => PromptField.NamedAsync("prompt", async () =>
        {
            for (int i = 0; i < prompts.Count; i++)
            {
                int first = i * count;
                string before = echoes ? prompts[i].Text ?? model.Model.Tokenizer.Decode(prompts[i].Ids) : "";
                LogprobLists[] logprobs = [.. Enumerable.Range(0, count).Select(_ => new LogprobLists(model.Model.Tokenizer))];
                bool[] begun = new bool[count];
                IReadOnlyList<GenerationStatistics> statistics = await pump.TakeAsync(
                    context, model, request with { PromptIds = prompts[i].Ids }, count, stream,
                    (int index, in GeneratedToken token) =>
                    {
                        logprobs[index].Add(token);
                        string text = begun[index] ? token.Text : before + token.Text;
                        begun[index] = true;
                        if (text.Length > 0 || token.StopReason is not null)
                        {
                            string? reason = token.StopReason is StopReason end ? AnswerParts.FinishReason(end) : null;
                            Write(template with { Choices = [new TextChoice(text, first + index, logprobs[index].Take(), reason)] });
                        }
                    }).ConfigureAwait(false);
                costs.Add(AnswerParts.Usage(statistics));
            }

            if (includesUsage)
            {
                Write(template with { Usage = new OptionalUsage(true, Sum(costs)) });
            }

            stream.Done();
            await stream.FlushAsync().ConfigureAwait(false);
        })).ConfigureAwait(false);

        void Write(TextCompletion chunk) => stream.Event(chunk, CompletionsJson.Default.TextCompletion);
    }

    static TextCompletion Template(SelectedModel model) => new(
        AnswerParts.NewId("cmpl-"), "text_completion", AnswerParts.Now(), model.Name, AnswerParts.SystemFingerprint(model.Model), []);

    static Usage Sum(List<Usage> costs) => costs.Aggregate((a, b) => a with
    {
        PromptTokens = a.PromptTokens + b.PromptTokens,
        CompletionTokens = a.CompletionTokens + b.CompletionTokens,
        TotalTokens = a.TotalTokens + b.TotalTokens,
        PromptTokensDetails = a.PromptTokensDetails with
        {
            CachedTokens = a.PromptTokensDetails.CachedTokens + b.PromptTokensDetails.CachedTokens,
            TextTokens = a.PromptTokensDetails.TextTokens + b.PromptTokensDetails.TextTokens,
        },
        CompletionTokensDetails = a.CompletionTokensDetails with
        {
            AcceptedPredictionTokens = a.CompletionTokensDetails.AcceptedPredictionTokens + b.CompletionTokensDetails.AcceptedPredictionTokens,
        },
    });

    static int? Logprobs(Fields body) =>
        body.TryGet("logprobs", out JsonElement value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? (value.GetBoolean() ? 0 : null)
            : body.Whole("logprobs", 0, MostLogprobs);

    static void Refuse(Fields body, int count, bool echoes, int? logprobs)
    {
        if (body.Text("suffix") is { Length: > 0 })
        {
            throw ApiException.Unsupported("suffix", "suffix is given, and the model does not fill in what is missing in the middle; leave it out.");
        }

        if (body.Whole("best_of", 1) is int best && best != count)
        {
            throw ApiException.Unsupported("best_of", $"best_of is {best} and n is {count}; all answers that are made are given, so they must be the same.");
        }

        if (echoes && logprobs is not null)
        {
            throw ApiException.Unsupported("echo", "echo is true with logprobs, and probabilities of the prompt are not computed; leave out one of them.");
        }
    }

    /// <summary>A text, texts, ids, or lists of ids.</summary>
    static Prompt[] Prompts(Fields body, GemmaModel model)
    {
        if (!body.TryGet("prompt", out JsonElement prompt))
        {
            throw ApiException.Missing("prompt", "a text, ids, or a list of either");
        }

        JsonValueKind first = prompt.ValueKind == JsonValueKind.Array && prompt.GetArrayLength() > 0 ? prompt[0].ValueKind : JsonValueKind.Undefined;
        Prompt[] prompts = prompt.ValueKind == JsonValueKind.String || first == JsonValueKind.String
            ? [.. body.Texts("prompt", MostChoices).Select(text => new Prompt(text, RawPrompt.Ids(model, text, parsesControls: false)))]
            : first == JsonValueKind.Number
            ? [new Prompt(null, RawPrompt.WithBos(model, OperationEndpoints.Ids(body, "prompt", model.Summary.VocabularySize)))]
            : [.. body.List("prompt", MostChoices).Select(each => new Prompt(null, RawPrompt.WithBos(model, Ids(each.Element, each.Path))))];
        return prompts.Length > 0 ? prompts : throw ApiException.Invalid("prompt", "prompt is an empty list; give a text or ids.");
    }

    static int[] Ids(JsonElement list, string path) => list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value) ? value
            : throw ApiException.Invalid(path, $"{path} has {Fields.Shown(id)}; it must be a list of ids."))]
        : throw ApiException.Invalid(path, $"{path} is {Fields.Kind(list)}; it must be a list of ids.");

    /// <summary>What is continued.</summary>
    /// <param name="Text">As it was sent; null where it was ids.</param>
    /// <param name="Ids">Its ids, beginning of sequence and all.</param>
    sealed record Prompt(string? Text, int[] Ids);

    /// <summary>Collects probabilities in the form of four lists.</summary>
    sealed class LogprobLists(Tokenizer tokenizer)
    {
        readonly List<string> _tokens = [];
        readonly List<float> _logprobs = [];
        readonly List<IReadOnlyDictionary<string, float>> _top = [];
        readonly List<int> _offsets = [];
        int _offset;

        public void Add(in GeneratedToken token)
        {
            if (AnswerParts.Logprob(tokenizer, token) is WireLogprob logprob)
            {
                // The token itself is always there, even if others were likelier.
                var top = new Dictionary<string, float> { [logprob.Token] = logprob.Logprob };
                foreach (WireLogprob other in logprob.TopLogprobs ?? [])
                {
                    top.TryAdd(other.Token, other.Logprob);
                }

                _tokens.Add(logprob.Token);
                _logprobs.Add(logprob.Logprob);
                _top.Add(top);
                _offsets.Add(_offset);

                // In characters, not in halves of pairs, as in the language that most clients count in; and by its bytes, for its text may come later.
                _offset += logprob.Bytes?.Count(value => (value & 0xC0) != 0x80) ?? 0;
            }
        }

        public TextLogprobs? Take()
        {
            if (_tokens.Count == 0)
            {
                return null;
            }

            var lists = new TextLogprobs([.. _tokens], [.. _logprobs], [.. _top], [.. _offsets]);
            _tokens.Clear();
            _logprobs.Clear();
            _top.Clear();
            _offsets.Clear();
            return lists;
        }
    }
}
