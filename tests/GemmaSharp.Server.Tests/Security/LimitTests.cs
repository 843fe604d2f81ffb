using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Limits on every size and count of a request.</summary>
public sealed class LimitTests(SharedServer shared) : IClassFixture<SharedServer>
{
    RunningServer Server => shared.Server;

    [Fact]
    public async Task Announced_body_beyond_the_limit_is_refused_before_it_comes()
    {
        await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);
        await connection.SendAsync(
            $"POST {RawRequests.Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {(64 << 20) + 1}\r\n\r\n");
        RawResponse response = await connection.ReadAsync();
        Assert.Equal((413, "request_too_large"), (response.Status, response.Code));
    }

    [Theory]
    [InlineData("/v1/chat/completions", "application/json")]
    [InlineData("/v1/audio/transcriptions", "multipart/form-data; boundary=x")]
    public async Task Body_in_chunks_is_counted(string path, string type)
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.MaxBodyBytes = 100_000);
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address);
        await connection.SendAsync($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n");
        string start = type.StartsWith("multipart", StringComparison.Ordinal) ? "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" : "{\"a\":\"";
        await connection.SendAsync($"{start.Length:x}\r\n{start}\r\n");
        string chunk = $"{10_000:x}\r\n{new string('a', 10_000)}\r\n";
        try
        {
            for (int i = 0; i < 20; i++)
            {
                await connection.SendAsync(chunk);
            }
        }
        catch (IOException)
        {
            // It has said no and does not listen any more.
        }

        RawResponse response = await connection.ReadAsync();
        Assert.Equal((413, "request_too_large"), (response.Status, response.Code));
    }

    [Fact]
    public async Task Chunk_without_end_is_no_body()
    {
        foreach (string size in (string[])["fffffffffffffffff", "-1", "zz", "", "0x10", "80000000"])
        {
            await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);
            await connection.SendAsync(
                $"POST {RawRequests.Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n{{}}\r\n0\r\n\r\n");
            RawResponse response = await connection.ReadAsync();
            Assert.True(response.Status is 400 or 413, $"{size}: {response.Head}");
        }
    }

    [Fact]
    public async Task Depth_is_limited_and_nesting_bombs_do_no_harm()
    {
        foreach (int depth in (int[])[63, 64, 65, 1000, 100_000, 5_000_000])
        {
            var watch = Stopwatch.StartNew();
            RawResponse response = await Server.RawPostAsync(
                RawRequests.Chat, $$"""{"messages":[{"role":"user","content":"What is 1 plus 1?"}],"max_tokens":1,"metadata":{{new string('[', depth - 1)}}{{new string(']', depth - 1)}} }""");
            Assert.True(response.Status == (depth <= 64 ? 200 : 400), $"{depth}: {response.Status} {response.Body}");
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"{depth} took {watch.Elapsed}.");
        }

        Assert.Equal(400, (await Server.RawPostAsync(RawRequests.Chat, string.Concat(Enumerable.Repeat("{\"a\":", 200_000)))).Status);
    }

    [Theory]
    [InlineData(2049, 1, 400)]
    [InlineData(1, 257, 400)]
    [InlineData(1, 256, 200)]
    public async Task Messages_and_parts_are_counted(int messages, int parts, int status)
    {
        string content = "[" + string.Join(',', Enumerable.Repeat("""{"type":"text","text":"a"}""", parts)) + "]";
        string list = string.Join(',', Enumerable.Repeat($$"""{"role":"user","content":{{content}}}""", messages));
        RawResponse response = await Server.RawPostAsync(RawRequests.Chat, $$"""{"messages":[{{list}}],"max_tokens":1}""");
        Assert.True(response.Status == status, response.Body);
        response = await Server.RawPostAsync("/api/chat", $$"""{"model":"gemma-3n-demo","messages":[{{list}}],"options":{"num_predict":1},"stream":false}""");
        Assert.True(response.Status == status, response.Body);
        response = await Server.RawPostAsync("/v1/messages", $$"""{"model":"gemma-3n-demo","messages":[{{list}}],"max_tokens":1}""");
        Assert.True(response.Status == status, response.Body);
        response = await Server.RawPostAsync("/v1/responses", $$"""{"input":[{{list}}],"max_output_tokens":1}""");
        Assert.True(response.Status == status, response.Body);
    }

    [Fact]
    public async Task Messages_up_to_the_limit_are_taken()
    {
        string list = string.Join(',', Enumerable.Repeat("""{"role":"user","content":""}""", 2048));
        RawResponse response = await Server.RawPostAsync(RawRequests.Chat, $$"""{"messages":[{{list}}],"max_tokens":1}""");
        Assert.True(response.Status == 200, response.Body);
    }

    [Fact]
    public async Task Media_are_counted_over_all_messages()
    {
        string picture = $$"""{"role":"user","content":[{"type":"image_url","image_url":"{{Bombs.Base64(Bombs.Png(4, 4))}}"} ]}""";
        RawResponse response = await Server.RawPostAsync(RawRequests.Chat, $$"""{"messages":[{{string.Join(',', Enumerable.Repeat(picture, 17))}}],"max_tokens":1}""");
        Assert.Equal(400, response.Status);
        Assert.Contains("at most 16", response.Body, StringComparison.Ordinal);
        string images = string.Join(',', Enumerable.Repeat($"\"{Bombs.Base64(Bombs.Png(4, 4))}\"", 9));
        string message = $$"""{"role":"user","content":"a","images":[{{images}}]}""";
        response = await Server.RawPostAsync("/api/chat", $$"""{"model":"gemma-3n-demo","messages":[{{message}},{{message}}]}""");
        Assert.Equal(400, response.Status);
        Assert.Contains("at most 16", response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"n\":9")]
    [InlineData("\"n\":1000000000")]
    [InlineData("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\"]")]
    [InlineData("\"logprobs\":true,\"top_logprobs\":21")]
    [InlineData("\"model\":\"{257}\"")]
    [InlineData("\"cache_salt\":\"{257}\"")]
    [InlineData("\"tools\":[{tools}]")]
    [InlineData("\"logit_bias\":{biases}")]
    [InlineData("\"guided_choice\":[{choices}]")]
    [InlineData("\"grammar\":\"{262145}\"")]
    [InlineData("\"guided_regex\":\"{262145}\"")]
    [InlineData("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{\"description\":\"{262145}\"}}}")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"{65}\"}}]")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"description\":\"{262145}\"}}}]")]
    public async Task Too_much_is_refused(string field)
    {
        field = field
            .Replace("{tools}", string.Join(',', Enumerable.Range(0, 129).Select(i => $"{{\"type\":\"function\",\"function\":{{\"name\":\"f{i}\"}}}}")), StringComparison.Ordinal)
            .Replace("{biases}", "{" + string.Join(',', Enumerable.Range(0, 1025).Select(i => $"\"{i}\":0")) + "}", StringComparison.Ordinal)
            .Replace("{choices}", string.Join(',', Enumerable.Range(0, 1025).Select(i => $"\"{i}\"")), StringComparison.Ordinal);
        foreach (int length in (int[])[65, 257, 262_145])
        {
            field = field.Replace("{" + length.ToString(CultureInfo.InvariantCulture) + "}", new string('a', length), StringComparison.Ordinal);
        }

        RawResponse response = await Server.RawPostAsync(RawRequests.Chat, $$"""{"messages":[{"role":"user","content":"a"}],"max_tokens":1,{{field}}}""");
        Assert.True(response.Status is 400 or 404, $"{response.Status} {response.Body}");
        Assert.True(response.Body.Length < 2000, "The refusal says the value in full.");
    }

    [Fact]
    public async Task Ids_in_messages_are_bounded()
    {
        string id = new('a', 257);
        foreach (string message in (string[])[
            $$$"""{"role":"assistant","tool_calls":[{"id":"{{{id}}}","type":"function","function":{"name":"f","arguments":"{}"}}]}""",
            $$"""{"role":"tool","tool_call_id":"{{id}}","content":"a"}"""])
        {
            RawResponse response = await Server.RawPostAsync(
                RawRequests.Chat, $$"""{"messages":[{"role":"user","content":"a"},{{message}}],"max_tokens":1}""");
            Assert.True(response.Status == 400, response.Body);
            Assert.Contains("at most 256", response.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Prompts_of_completions_are_counted()
    {
        Assert.Equal(400, (await Server.RawPostAsync("/v1/completions", JsonSerializer.Serialize(new { prompt = Enumerable.Repeat("a", 65), max_tokens = 1 }))).Status);
        Assert.Equal(400, (await Server.RawPostAsync("/v1/completions", JsonSerializer.Serialize(new { prompt = Enumerable.Repeat(5, 200_000), max_tokens = 1 }))).Status);
    }

    [Fact]
    public async Task Headers_are_limited_in_size_and_number()
    {
        Assert.Equal(431, (await Server.RawGetAsync("/v1/models", $"X-Long: {new string('a', 40_000)}")).Status);
        Assert.Equal(431, (await Server.RawGetAsync("/v1/models", Enumerable.Range(0, 101).Select(i => $"X-{i}: a"))).Status);
        Assert.Equal(414, (await Server.RawGetAsync("/v1/models/" + new string('a', 9000))).Status);

        // Without an end, too.
        await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);
        await connection.SendAsync("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n");
        try
        {
            for (int i = 0; i < 100; i++)
            {
                await connection.SendAsync($"X-{i}: {new string('a', 1000)}\r\n");
            }
        }
        catch (IOException)
        {
        }

        Assert.Equal(431, (await connection.ReadAsync()).Status);
    }

    [Fact]
    public async Task Long_user_agent_and_field_names_do_no_harm()
    {
        string fields = string.Join(',', Enumerable.Range(0, 5000).Select(i => $"\"unknown {i} {new string('x', 100)}\":1"));
        RawResponse response = await Server.RawPostAsync(
            RawRequests.Chat, $$"""{"messages":[{"role":"user","content":"a"}],"max_tokens":1,{{fields}}}""", $"User-Agent: {new string('a', 20_000)}");
        Assert.Equal(200, response.Status);
    }

    [Fact]
    public async Task Form_is_limited_in_parts_and_fields()
    {
        string part = "--x\r\nContent-Disposition: form-data; name=\"{0}\"\r\n\r\n{1}\r\n";
        string many = string.Concat(Enumerable.Range(0, 65).Select(i => string.Format(CultureInfo.InvariantCulture, part, "f" + i, "v"))) + "--x--\r\n";
        string large = string.Format(CultureInfo.InvariantCulture, part, "prompt", new string('a', 65_537)) + "--x--\r\n";
        string files = string.Concat(Enumerable.Repeat(string.Format(CultureInfo.InvariantCulture, part, "file", "v"), 2)) + "--x--\r\n";
        string headers = $"--x\r\nContent-Disposition: form-data; name=\"file\"\r\nX-Long: {new string('a', 30_000)}\r\n\r\nv\r\n--x--\r\n";
        string endless = "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nv";
        string preamble = new string('a', 100_000) + "\r\n" + string.Format(CultureInfo.InvariantCulture, part, "file", "v") + "--x--\r\n";
        foreach (string form in (string[])[many, large, files, headers, endless, preamble, "", "--x--\r\n", "--y--\r\n", new string('-', 100_000)])
        {
            RawResponse response = await Server.RawPostAsync(
                "/v1/audio/transcriptions", Encoding.ASCII.GetBytes(form), "Content-Type: multipart/form-data; boundary=x");
            Assert.True(response.Status == 400, $"{response.Status} {response.Body}: {form[..Math.Min(form.Length, 100)]}");
        }

        foreach (string type in (string[])["multipart/form-data", "multipart/form-data; boundary=", $"multipart/form-data; boundary={new string('x', 300)}", "multipart/mixed; boundary=x"])
        {
            Assert.Equal(415, (await Server.RawPostAsync("/v1/audio/transcriptions", "--x--\r\n"u8.ToArray(), $"Content-Type: {type}")).Status);
        }
    }
}
