using System.Text.Json;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Beginnings of prompts are found again only by those who sent them: the time that a prompt takes tells whether it is known.</summary>
public sealed class PrefixTests
{
    static readonly string s_long = string.Concat(Enumerable.Repeat("The cat sat on the mat. ", 40));

    [Fact]
    public async Task Keys_share_no_prefixes()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.ApiKeys.Add("a");
            options.ApiKeys.Add("b");
        });
        Assert.Equal(0, await CachedAsync(server, "a"));
        Assert.True(await CachedAsync(server, "a") > 100);
        Assert.Equal(0, await CachedAsync(server, "b"));
        Assert.True(await CachedAsync(server, "b") > 100);

        // Nor by another interface, or a salt that is spelled like a key.
        Assert.Equal(0, await CachedAsync(server, "a", "\"cache_salt\":\"x\""));
        Assert.True(await CachedAsync(server, "a", "\"cache_salt\":\"x\"") > 100);
        Assert.Equal(0, await CachedAsync(server, "b", "\"cache_salt\":\"x\""));
        Assert.Equal(0, await CachedAsync(server, "a", "\"cache_prompt\":false"));
        Assert.Equal(0, await CachedAsync(server, "a", "\"cache_prompt\":false"));
        Assert.Equal(0, await CachedAsync(server, "a", "\"cache_salt\":\"key 1\""));
        Assert.Equal(0, await CachedAsync(server, "a", "\"cache_salt\":\"\""));
    }

    [Fact]
    public async Task Salts_share_no_prefixes_where_there_are_no_keys()
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Assert.Equal(0, await CachedAsync(server, null));
        Assert.True(await CachedAsync(server, null) > 100);
        Assert.Equal(0, await CachedAsync(server, null, "\"cache_salt\":\"one\""));
        Assert.Equal(0, await CachedAsync(server, null, "\"cache_salt\":\"two\""));
        Assert.True(await CachedAsync(server, null, "\"cache_salt\":\"two\"") > 100);
        RawResponse alone = await server.RawPostAsync(RawRequests.Chat, $$"""{"messages":[{"role":"user","content":"a"}],"cache_salt":"alone 1","cache_prompt":false,"max_tokens":1}""");
        Assert.Equal(200, alone.Status);
    }

    [Fact]
    public async Task Kept_responses_are_their_keys_alone()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.ApiKeys.Add("a");
            options.ApiKeys.Add("b");
            options.StoredResponses = 10;
        });
        RawResponse first = await server.RawPostAsync("/v1/responses", """{"input":"What is the capital of Peru?","max_output_tokens":8}""", "x-api-key: a");
        string id = (string)first.Json["id"]!;
        Assert.Equal(200, (await server.RawGetAsync($"/v1/responses/{id}", "x-api-key: a")).Status);
        Assert.Equal(404, (await server.RawGetAsync($"/v1/responses/{id}", "x-api-key: b")).Status);
        Assert.Equal(404, (await server.RawGetAsync($"/v1/responses/{id}/input_items", "x-api-key: b")).Status);
        Assert.Equal(404, (await server.SendAsync("DELETE", $"/v1/responses/{id}", null, "localhost", "x-api-key: b")).Status);
        string on = $$"""{"input":"And of Japan?","previous_response_id":"{{id}}","max_output_tokens":8}""";
        Assert.Equal(400, (await server.RawPostAsync("/v1/responses", on, "x-api-key: b")).Status);
        Assert.Equal(200, (await server.RawPostAsync("/v1/responses", on, "x-api-key: a")).Status);
        string item = (string)first.Json["output"]![0]!["id"]!;
        string reference = $$"""{"input":[{"type":"item_reference","id":"{{item}}"},{"role":"user","content":"a"}],"max_output_tokens":1}""";
        Assert.Equal(400, (await server.RawPostAsync("/v1/responses", reference, "x-api-key: b")).Status);
        Assert.Equal(200, (await server.RawPostAsync("/v1/responses", reference, "x-api-key: a")).Status);
    }

    [Fact]
    public async Task Reference_to_itself_is_no_way_round()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.StoredResponses = 10);
        RawResponse first = await server.RawPostAsync(
            "/v1/responses", """{"input":[{"type":"message","id":"loop","role":"user","content":"a"}],"max_output_tokens":1}""");
        const string Reference = """{"input":[{"type":"item_reference","id":"loop"},{"role":"user","content":"a"}],"max_output_tokens":1}""";
        Assert.Equal(200, (await server.RawPostAsync("/v1/responses", Reference)).Status);
        Assert.Equal(200, (await server.SendAsync("DELETE", $"/v1/responses/{(string)first.Json["id"]!}", null, "localhost")).Status);

        // Where it was referred to, what it stood for is kept, not the reference, which by now would be all that is left of that name.
        RawResponse last = await server.RawPostAsync("/v1/responses", Reference);
        Assert.Equal(200, last.Status);
        RawResponse items = await server.RawGetAsync($"/v1/responses/{(string)last.Json["id"]!}/input_items");
        Assert.DoesNotContain("item_reference", items.Body, StringComparison.Ordinal);
        Assert.Equal(2, items.Json["data"]!.AsArray().Count(each => (string?)each!["role"] == "user"));
    }

    static async Task<int> CachedAsync(RunningServer server, string? key, string more = "\"user\":\"me\"")
    {
        RawResponse response = await server.RawPostAsync(
            RawRequests.Chat, $$"""{"messages":[{"role":"user","content":{{JsonSerializer.Serialize(s_long)}}}],"max_tokens":1,"temperature":0,{{more}}}""",
            key is null ? [] : [$"Authorization: Bearer {key}"]);
        Assert.True(response.Status == 200, response.Body);
        return (int)response.Json["usage"]!["prompt_tokens_details"]!["cached_tokens"]!;
    }
}
