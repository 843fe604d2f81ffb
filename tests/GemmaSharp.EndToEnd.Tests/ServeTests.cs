using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>gemma serve</c> as a program; what it answers, the server's own tests see to.</summary>
public sealed partial class ServeTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Serve_WithKeysOfAFile_LetsTheirOwnersIn_UntilItIsToldToStop()
    {
        string keys = _folder.Write("keys.txt", "# of the office\n\n  one  \ntwo\n");
        using Process server = GemmaProcess.Start("serve", "--port", "0", "--api-key-file", keys, "--alias", "gpt-4o-mini");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = await AddressAsync(server) };
        foreach (string? key in (string?[])[null, "three", "# of the office"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(client, key, 0)).StatusCode);
        }

        foreach (string key in (string[])["one", "two"])
        {
            using HttpResponseMessage response = await AskAsync(client, key, 0);
            JsonNode answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(Token))!;
            Assert.Equal("The capital of Peru is Lima.", (string?)answer["choices"]![0]!["message"]!["content"]);
        }

        string port = client.BaseAddress!.Port.ToString(CultureInfo.InvariantCulture);
        Assert.Equal(0, GemmaProcess.Run("serve", "--check", "--port", port).ExitCode);
        GemmaResult second = GemmaProcess.Run("serve", "--port", port);
        second.AssertRefused(1, $"cannot listen on 127.0.0.1, port {port}", "--port");

        Signal(server, "TERM");
        await server.WaitForExitAsync(Token).WaitAsync(TimeSpan.FromSeconds(30), Token);
        Assert.Equal((0, ""), (server.ExitCode, await server.StandardOutput.ReadToEndAsync(Token)));
        Assert.Equal(1, GemmaProcess.Run("serve", "--check", "--port", port).ExitCode);
    }

    [Fact]
    public async Task Serve_KilledWithinAnAnswer_IsThereAgain_OnTheSamePort()
    {
        using Process first = GemmaProcess.Start("serve", "--port", "0");
        Uri address = await AddressAsync(first);
        using (var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address })
        {
            using HttpResponseMessage begun = await AskAsync(client, null, 2000);
            await using Stream stream = await begun.Content.ReadAsStreamAsync(Token);
            Assert.True(await stream.ReadAsync(new byte[64], Token) > 0);
            Signal(first, "KILL");
            await first.WaitForExitAsync(Token);

            // Half an answer does not look like a whole one.
            await Assert.ThrowsAnyAsync<IOException>(() => stream.CopyToAsync(Stream.Null, Token));
        }

        using Process second = GemmaProcess.Start("serve", "--port", address.Port.ToString(CultureInfo.InvariantCulture));
        try
        {
            Assert.Equal(address, await AddressAsync(second));
            using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };
            Assert.Equal(HttpStatusCode.OK, (await AskAsync(client, null, 0)).StatusCode);
        }
        finally
        {
            second.Kill();
        }
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("*")]
    [InlineData("::")]
    [InlineData("192.0.2.1")]
    public void Serve_ForOthersWithoutAKey_IsRefused(string host) =>
        GemmaProcess.Run("serve", "--port", "0", "--host", host).AssertRefused(2, $"--host is {host}", "--api-key", "GEMMA_API_KEY", "--no-auth");

    [Fact]
    public void Serve_OnAnAddressOfAnotherMachine_IsRefused() =>
        GemmaProcess.Run("serve", "--port", "0", "--host", "192.0.2.1", "--no-auth").AssertRefused(1, "cannot listen on 192.0.2.1", "--port");

    [Fact]
    public void Serve_WithWhatItCannotUse_SaysWhatItCan()
    {
        GemmaProcess.Run("serve", "--port", "0", "--api-key-file", _folder.File("none")).AssertRefused(4, "does not exist");
        GemmaProcess.Run("serve", "--port", "0", "--api-key-file", _folder.Write("empty", "# nothing\n")).AssertRefused(2, "--api-key-file", "key");
        GemmaProcess.Run("serve", "--port", "65536").AssertRefused(2, "--port", "65535");
        GemmaProcess.Run("serve", "--port", "0", "--host", "no such host", "--no-auth").AssertRefused(2, "no such host");
        GemmaProcess.Run("serve", "--port", "0", "--cache", "much").AssertRefused(2, "--cache", "2GiB");
    }

    [Fact]
    public void Serve_WithAModelThatIsNone_EndsWithItsError()
    {
        GemmaResult result = GemmaProcess.Run("serve", "--port", "0", "--quiet", "--model", _folder.Path);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("safetensors", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_ShowsEachOptionOnce()
    {
        string help = GemmaProcess.Run("serve", "--help").Output;
        Assert.Single(ModelOption().Matches(help));
        Assert.Contains("[NAME=]PATH", help, StringComparison.Ordinal);
        Assert.Single(ModelOption().Matches(GemmaProcess.Run("run", "--help").Output));
    }

    /// <summary>Where a server listens, once its model is loaded; what the environment says to all programs of ASP.NET Core is nothing to it.</summary>
    static async Task<Uri> AddressAsync(Process server)
    {
        var said = new List<string>();
        while (await server.StandardError.ReadLineAsync(Token).AsTask().WaitAsync(TimeSpan.FromMinutes(1), Token) is string line)
        {
            said.Add(line);
            if (line.StartsWith("gemma: serving ", StringComparison.Ordinal))
            {
                Match match = Listening().Match(said[0]);
                Assert.True(match.Success && said.Count == 2, string.Join('\n', said));

                // What it says later is not waited for.
                _ = server.StandardError.ReadToEndAsync(Token);
                return new Uri(match.Groups[1].Value);
            }
        }

        throw new EndOfStreamException(string.Join('\n', said));
    }

    static async Task<HttpResponseMessage> AskAsync(HttpClient client, string? key, int endless)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(
                endless == 0 ? """{"messages":[{"role":"user","content":"What is the capital of Peru?"}],"temperature":0}"""
                    : $$"""{"messages":[{"role":"user","content":"Hello"}],"ignore_eos":true,"max_tokens":{{endless}},"stream":true}""",
                MediaTypeHeaderValue.Parse("application/json")),
        };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + key);
        }

        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
    }

    static void Signal(Process process, string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows knows no signals.");
        using var kill = Process.Start("kill", ["-" + signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    [GeneratedRegex(@"^gemma: listening on (http://127\.0\.0\.1:\d+)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"(?m)^ +(-m, )?--model ")]
    private static partial Regex ModelOption();
}
