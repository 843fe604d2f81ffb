using System.Text;
using System.Text.Json;
using GemmaSharp.Files;
using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Tools;
using GemmaSharp.Media;
using GemmaSharp.Prompting.Chat;
using GemmaSharp.Prompting.Tools;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Readers of text: conversations, constraints, calls of tools, encodings.</summary>
static class TextTargets
{
    static readonly string[] s_conversations =
    [
        """[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"},{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image","image":"a.png"},{"type":"audio","audio":"b.wav"},{"type":"video","video":"c.mp4"}]}]""",
        """[{"role":"user","content":"Hi"}]""",
        """{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"@BMP@","detail":"low"}},{"type":"text","text":"!"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"2"}]}""",
        """{"instructions":"Be brief.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"},{"type":"input_image","image_url":"@BMP@"}]}]}""",
        """{"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/bmp","data":"@B64@"}},{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"a":[1,2]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"4"}]}]}]}""",
        """{"messages":[{"role":"user","content":"Hi","images":["@B64@"]},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","tool_name":"f","content":"5"}]}""",
        """{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/bmp","data":"@B64@"}}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"x":1}}}]}]}""",
        """[{"type":"human","data":{"content":"Hi"}},{"lc":1,"type":"constructor","id":["langchain","schema","messages","AIMessage"],"kwargs":{"content":"Hello","tool_calls":[{"name":"f","args":{},"id":"1"}]}}]""",
        """{"conversations":[{"from":"system","value":"Be brief."},{"from":"human","value":"Hi"},{"from":"gpt","value":"Hello"}]}""",
    ];

    static readonly string[] s_conversationWords =
    [
        "role", "content", "parts", "type", "text", "image", "audio", "video", "image_url", "url", "input_audio", "data", "format", "source", "tool_calls", "tool_call_id", "function", "name",
        "arguments", "tool_use", "tool_result", "input", "messages", "conversations", "contents", "from", "value", "human", "gpt", "user", "assistant", "model", "system", "developer", "tool",
        "inlineData", "functionCall", "functionResponse", "images", "kwargs", "input_text", "output_text", "input_image", "function_call", "function_call_output", "data:audio/wav;base64,UklGRg==",
    ];

    static readonly IMutator s_bytes = new ByteMutator("{"u8.ToArray(), "\""u8.ToArray(), "\\ud800"u8.ToArray(), "\\u0000"u8.ToArray(), "\\u001b"u8.ToArray(), [0xFF, 0xFE], [0xEF, 0xBB, 0xBF], [0xC3], "//"u8.ToArray(), "/*"u8.ToArray());

    static readonly string[] s_schemas =
    [
        """{"type":"object","properties":{"a":{"type":"integer","minimum":1,"maximum":99},"b":{"type":"string","pattern":"^[a-z]{2,5}$"},"c":{"enum":["x",1,null]}},"required":["a"],"additionalProperties":false}""",
        """{"type":"array","items":{"$ref":"#/$defs/n"},"minItems":1,"maxItems":4,"$defs":{"n":{"anyOf":[{"type":"number","multipleOf":0.5},{"const":true},{"$ref":"#/$defs/n"}]}}}""",
        """{"oneOf":[{"type":"string","format":"date"},{"type":"string","minLength":3,"maxLength":8}],"allOf":[{"not":{"type":"null"}}]}""",
        """{"type":"object","patternProperties":{"^x-":{"type":"boolean"}},"propertyNames":{"maxLength":4},"minProperties":1,"dependentRequired":{"a":["b"]},"if":{"required":["a"]},"then":{"required":["b"]}}""",
        """{"prefixItems":[{"type":"string"},{"type":"integer","exclusiveMinimum":-5}],"contains":{"const":3}}""",
    ];

    public static IEnumerable<FuzzTarget> All =>
    [
        new()
        {
            Name = "conversation",
            Seeds = () => [.. s_conversations.Select(SeedFiles.WithPicture), .. SeedFiles.Corpus("conversation")],
            Mutators = [new JsonMutator(s_conversationWords), new JsonMutator(s_conversationWords), s_bytes],
            Open = OpenConversations,
        },
        new()
        {
            Name = "encoded-text",
            Seeds = () =>
            [
                SeedFiles.Utf8("[{\"role\":\"user\",\"content\":\"Grüße 😀\"}]"), Encoding.Unicode.GetBytes("\uFEFFGrüße 😀"), Encoding.BigEndianUnicode.GetBytes("\uFEFFplain"),
                Encoding.UTF32.GetBytes("\uFEFFGrüße 😀"), Encoding.Unicode.GetBytes("plain text"), .. SeedFiles.Corpus("encoded-text"),
            ],
            Mutators = [new ByteMutator([0xFF, 0xFE], [0xFE, 0xFF], [0, 0, 0xFE, 0xFF], [0xEF, 0xBB, 0xBF], [0x00, 0xD8], [0xD8, 0x00], [0xED, 0xA0, 0x80])],
            AlsoTyped = error => error is DecoderFallbackException,
            Open = () => new InputReader(input =>
            {
                string text = EncodedText.Decode(input);
                CheckpointTargets.Promise(Encoding.UTF8.GetString(EncodedText.ToUtf8(input).Span) == text, "two ways of reading a text differ");
            }),
        },
        new()
        {
            Name = "json-schema",
            Seeds = () => [.. s_schemas.Select(SeedFiles.Utf8), .. SeedFiles.Corpus("json-schema")],
            Mutators =
            [
                new JsonMutator("type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "not", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "multipleOf",
                    "$ref", "#", "#/$defs/n", "$defs", "additionalProperties", "uniqueItems", "contains", "format", "date-time", "uuid", "ipv6", "if", "then", "else", "prefixItems", "(a+)+$", "[^a]{1000}"),
                s_bytes,
            ],
            TestInputs = 150,
            Open = () => OpenConstraints(text => Constraint.JsonSchema(text)),
        },
        new()
        {
            Name = "regex",
            Seeds = () => [.. ((string[])["^[a-z]+(-[0-9]{2,4})?$", @"(?:\d+|\w{3})\s*[^\x00-\x1f\u00e9]?", "a|b|(c|d*)+?", @"[\p{L}\-\]]{1,20}", @"\bfoo\B.", "(?i)x"]).Select(SeedFiles.Utf8), .. SeedFiles.Corpus("regex")],
            Mutators = [new TextMutator("{2,5}", "{1000}", "{0,}", "(?:", "(?=", "(?<n>", "\\1", "\\p{L}", "\\u{1F600}", "[^", "-", "|", "*?", "\\d", "\\", "]", ")", "(a*)*", ".{9999}", "\\uD800")],
            MostBytes = 2048,
            TestInputs = 150,
            Open = () => OpenConstraints(Constraint.Regex),
        },
        new()
        {
            Name = "gbnf",
            Seeds = () =>
            [
                .. ((string[])
                [
                    "root ::= item (\",\" item)*\nitem ::= [a-z]+ | \"\\\"\" [^\"\\x00-\\x1f]{1,8} \"\\\"\" # a comment\n",
                    "root ::= object\nobject ::= \"{\" ws (pair (\",\" ws pair)*)? \"}\"\npair ::= \"\\u0041\" ws \":\" ws object\nws ::= [ \\t\\n]*\n", "root ::= root \"a\" | \"b\"",
                ]).Select(SeedFiles.Utf8), .. SeedFiles.Corpus("gbnf"),
            ],
            Mutators = [new TextMutator("::=", "|", "root", "(", ")", "*", "+", "?", "{2,5}", "{1000000}", "[^", "]", "\"", "\\x", "\\u", "#", "\n", "item", ".", "x-y", "<[1]>")],
            MostBytes = 4096,
            TestInputs = 150,
            Open = () => OpenConstraints(Constraint.Grammar),
        },
        new()
        {
            Name = "tool-calls-json",
            Seeds = () => [.. ((string[])["""{"name":"add","parameters":{"a":1,"b":[2]}}""", """[{"name":"add","parameters":{"a":1}},{"name":"say","parameters":{"text":"x"}}]""", "```json\n{\"name\":\"say\",\"parameters\":{\"text\":\"hi\"}}\n```"]).Select(SeedFiles.Utf8), .. SeedFiles.Corpus("tool-calls-json")],
            Mutators = [new JsonMutator("name", "parameters", "arguments", "add", "say", "a", "text"), new TextMutator("```", "{", "}", "\"name\":\"add\"", "\"parameters\":", "[", "]", ",", "\\ud800", "\n")],
            MostBytes = 2048,
            Open = () => OpenToolCalls(ToolFormat.Json),
        },
        new()
        {
            Name = "tool-calls-python",
            Seeds = () => [.. ((string[])["add(a=1, b=[2, -3.5e2])", "```tool_code\nprint(say(text='it\\'s \\u00e9'))\n```", "[add(a=1), say(text=\"x\", more={'k': None, 'l': [True, False]})]"]).Select(SeedFiles.Utf8), .. SeedFiles.Corpus("tool-calls-python")],
            Mutators = [new TextMutator("```tool_code\n", "```", "print(", "add(", "say(", "(", ")", "a=", "'", "\"", "\"\"\"", "\\u00", "\\N{x}", "None", "True", "1e999", "0x", "[", "{", "r'", "f'", "\\ud800", "**", "#")],
            MostBytes = 2048,
            Open = () =>
            {
                InputReader decoding = OpenToolCalls(ToolFormat.ToolCode);
                return new InputReader(input =>
                {
                    AreJson(PythonCalls.Read(Encoding.UTF8.GetString(input))?.Select(call => call.Arguments));
                    decoding.Read(input);
                }, decoding);
            },
        },
    ];

    static InputReader OpenConversations()
    {
        string folder = Path.GetTempPath();
        var media = new MediaLoader(PictureTargets.Limits);
        return new InputReader(input =>
        {
            IReadOnlyList<ChatMessage> messages = ConversationFile.Parse(input, "messages.json", folder);
            _ = ChatTemplate.RenderText(GemmaModel.Normalize(messages));
            _ = media.LoadAsync(messages).GetAwaiter().GetResult();
        }, media);
    }

    /// <summary>Compiles, and follows the tokens that are allowed for a while.</summary>
    static InputReader OpenConstraints(Func<string, Constraint> compile)
    {
        Tokenizer tokenizer = Tokenizer.Load(SeedFiles.Demo);
        TokenTrie trie = TokenTrie.For(tokenizer, tokenizer.VocabularySize);
        return new InputReader(input =>
        {
            Constraint constraint = compile(Encoding.UTF8.GetString(input));
            var matcher = new Matcher(constraint.Compiled, trie);
            var mask = new TokenMask(trie.Vocabulary);
            for (int i = 0; i < 8 && !matcher.MustEnd; i++)
            {
                matcher.ComputeMask(mask);
                int id = mask.Next(i * 131 % trie.Vocabulary);
                id = id < trie.Vocabulary ? id : mask.Next(0);
                if (id >= trie.Vocabulary)
                {
                    CheckpointTargets.Promise(matcher.CanEnd, "nothing is allowed where the text may not end");
                    break;
                }

                CheckpointTargets.Promise(matcher.TryAdvance(id), "an allowed token is refused");
            }
        });
    }

    static InputReader OpenToolCalls(ToolFormat format)
    {
        Tokenizer tokenizer = Tokenizer.Load(SeedFiles.Demo);
        TokenTrie trie = TokenTrie.For(tokenizer, tokenizer.VocabularySize);
        using JsonDocument parameters = JsonDocument.Parse("""{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"array"},"text":{"type":"string"},"more":{}}}""");
        var options = new ToolOptions
        {
            Tools = [new ToolDefinition("add", "adds", parameters.RootElement), new ToolDefinition("say", "says", parameters.RootElement, strict: false)],
            Format = format,
            Parallel = true,
        };
        return new InputReader(input =>
        {
            string text = Encoding.UTF8.GetString(input);
            var decoding = new ToolDecoding(options, null, trie);
            var said = new StringBuilder();
            foreach (int id in tokenizer.EncodeToIds(text, allowSpecial: false))
            {
                said.Append(decoding.Push(id, tokenizer.Decode([id])));
            }

            AreJson(decoding.Finish(out string rest)?.Select(call => call.Arguments));
        });
    }

    static void AreJson(IEnumerable<string>? arguments)
    {
        foreach (string text in arguments ?? [])
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 1024 });
                CheckpointTargets.Promise(document.RootElement.ValueKind == JsonValueKind.Object, "the arguments of a call are no object");
            }
            catch (JsonException e)
            {
                throw new BrokenPromiseException("the arguments of a call are no JSON", e);
            }
        }
    }
}
