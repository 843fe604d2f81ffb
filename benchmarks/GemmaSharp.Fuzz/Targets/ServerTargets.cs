using System.Text;
using GemmaSharp.Fuzz.Mutators;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Readers of what is sent to the server, each through the whole pipeline.</summary>
static class ServerTargets
{
    const string Tool = """{"type":"function","function":{"name":"add","description":"adds","parameters":{"type":"object","properties":{"a":{"type":"integer"}}},"strict":true}}""";

    static readonly string[] s_words =
    [
        "model", "messages", "role", "content", "stream", "stream_options", "include_usage", "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "n", "stop", "seed",
        "logit_bias", "logprobs", "top_logprobs", "tools", "tool_choice", "function", "response_format", "json_schema", "schema", "grammar", "guided_regex", "presence_penalty", "frequency_penalty",
        "input", "instructions", "previous_response_id", "text", "format", "prompt", "suffix", "echo", "best_of", "images", "options", "num_predict", "num_ctx", "keep_alive", "raw", "system",
        "template", "context", "think", "metadata", "thinking", "stop_sequences", "input_schema", "output_format", "image_url", "user", "assistant", "tool", "required", "auto", "none", "demo",
        "data:image/bmp;base64,Qk0=", "1", "-1",
    ];

    public static IEnumerable<FuzzTarget> All =>
    [
        Json("openai-chat", "/v1/chat/completions",
            $$$$"""{"model":"demo","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"Hi"}]}],"temperature":0,"max_tokens":1,"tools":[{{{{Tool}}}}],"tool_choice":"auto","stop":["x"],"seed":1,"logprobs":true,"top_logprobs":2,"logit_bias":{"5":-100}}""",
            """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"add","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"1"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"integer"}}}}}}""",
            """{"messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true},"n":2}"""),
        Json("openai-count", "/v1/chat/completions/input_tokens", """{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url","image_url":{"url":"@BMP@"}},{"type":"input_audio","input_audio":{"data":"@MP3@","format":"mp3"}}]}]}"""),
        Json("openai-responses", "/v1/responses",
            """{"model":"demo","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]},{"type":"function_call","call_id":"c","name":"add","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],"instructions":"s","max_output_tokens":16,"store":true,"tools":[{"type":"function","name":"add","parameters":{"type":"object"}}],"text":{"format":{"type":"text"}}}""",
            """{"input":"Hi","stream":true,"previous_response_id":null,"include":[],"truncation":"auto"}"""),
        Json("openai-completions", "/v1/completions",
            """{"model":"demo","prompt":["Hi","you"],"max_tokens":1,"echo":true,"n":1,"suffix":null}""", """{"prompt":[2,5,7],"max_tokens":1,"stream":true,"best_of":1}"""),
        Json("ollama-chat", "/api/chat",
            $$$$"""{"model":"demo","messages":[{"role":"user","content":"Hi","images":[]}],"stream":false,"format":"json","options":{"num_predict":1,"temperature":0.5,"num_ctx":512,"stop":["x"]},"keep_alive":"5m","tools":[{{{{Tool}}}}]}""",
            """{"model":"demo","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"add","arguments":{"a":1}}}]},{"role":"tool","tool_name":"add","content":"1"}]}"""),
        Json("ollama-generate", "/api/generate",
            """{"model":"demo","prompt":"Hi","system":"s","template":null,"context":[2,5],"stream":false,"raw":false,"options":{"num_predict":1}}""", """{"model":"demo","prompt":"Hi","format":{"type":"object"},"images":["@B64@"]}"""),
        Json("anthropic-messages", "/v1/messages",
            """{"model":"demo","max_tokens":1,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"add","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"1","is_error":false}]}],"tools":[{"name":"add","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"},"stop_sequences":["x"]}""",
            """{"model":"demo","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/bmp","data":"@B64@"}}]}],"stream":true}"""),
        Json("anthropic-count", "/v1/messages/count_tokens", """{"model":"demo","messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image","source":{"type":"base64","media_type":"image/bmp","data":"@B64@"}}]}],"system":"s"}"""),
        Json("server-tokens", "/tokenize", """{"content":"Hi <bos>","add_special":true,"parse_special":true,"with_pieces":true}"""),
        Json("server-detokenize", "/detokenize", """{"tokens":[2,5,300,9]}"""),
        Json("server-template", "/apply-template", """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"x"}]}"""),
        Json("server-preview", "/preview", """{"image_url":{"url":"@BMP@"},"detail":"low"}""", """{"input_audio":{"data":"@MP3@","format":"mp3"}}"""),
        new()
        {
            Name = "openai-transcription",
            Seeds = () => [Form(), .. SeedFiles.Corpus("openai-transcription")],
            Mutators =
            [
                new ByteMutator("--edge\r\n"u8.ToArray(), "--edge--\r\n"u8.ToArray(), "\r\n\r\n"u8.ToArray(), "Content-Disposition: form-data; name=\"language\"\r\n\r\n"u8.ToArray(), "name=\"file\""u8.ToArray(),
                    "filename*=UTF-8''%zz"u8.ToArray(), "srt"u8.ToArray(), "verbose_json"u8.ToArray(), "temperature"u8.ToArray()),
            ],
            TestInputs = 20,
            Open = () => Open("/v1/audio/transcriptions", "multipart/form-data; boundary=edge"),
        },
    ];

    static FuzzTarget Json(string name, string path, params string[] seeds) => new()
    {
        Name = name,
        Seeds = () => [.. seeds.Select(SeedFiles.WithPicture), .. SeedFiles.Corpus(name)],
        Mutators =
        [
            new JsonMutator(s_words), new JsonMutator(s_words), new JsonMutator(s_words),
            new ByteMutator("{"u8.ToArray(), "\""u8.ToArray(), "\\ud800"u8.ToArray(), [0xFF], [0xEF, 0xBB, 0xBF], [0xFF, 0xFE], "1e999"u8.ToArray()),
        ],
        MostBytes = 1 << 14,
        TestInputs = 40,
        Open = () => Open(path, "application/json"),
    };

    static InputReader Open(string path, string type)
    {
        var server = new CapturedServer();
        return new InputReader(body => server.Post(path, type, body), new Ending(server));
    }

    static byte[] Form()
    {
        byte[] sound = SeedFiles.Fixtures("a-law.wav").First()[..1200];
        return
        [
            .. Encoding.UTF8.GetBytes("--edge\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ndemo\r\n--edge\r\nContent-Disposition: form-data; name=\"response_format\"\r\n\r\njson\r\n"
                + "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n"), .. sound, .. Encoding.UTF8.GetBytes("\r\n--edge--\r\n"),
        ];
    }

    sealed class Ending(CapturedServer server) : IDisposable
    {
        public void Dispose() => server.End();
    }
}
