using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace GemmaSharp.Load;

/// <summary>One client: asks, mostly waits for the answer, sometimes leaves, sometimes sends nonsense.</summary>
sealed class LoadClient(Uri address, IReadOnlyList<LoadCase> cases, Expectations expectations, LoadResult report, int seed) : IDisposable
{
    /// <summary>After how long a request counts as stuck.</summary>
    static readonly TimeSpan s_stuck = TimeSpan.FromSeconds(90);

    static readonly string[] s_reads = ["/v1/models", "/models", "/health", "/metrics", "/props", "/slots", "/api/tags", "/api/ps", "/api/version", "/v1/models/gemma-3n-demo", "/v1/nothing"];

    readonly Random _random = new(seed);
    readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 2 }) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Asks until it is told to end; the request that runs then is waited for.</summary>
    public async Task RunAsync(CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            using var stuck = new CancellationTokenSource(s_stuck);
            try
            {
                await OnceAsync(stuck.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stuck.IsCancellationRequested)
            {
                report.Fault("A request was stuck.");
            }
            catch (Exception error) when (error is HttpRequestException or IOException or SocketException)
            {
                report.Fault($"The connection failed: {error}");
            }
            catch (Exception error) when (error is InvalidDataException or ServerErrorException or System.Text.Json.JsonException or InvalidOperationException or NullReferenceException)
            {
                report.Fault($"The response is none: {error}");
            }
        }
    }

    /// <summary>Asks every case once in every dialect, so that what is made once is made.</summary>
    public async Task WarmUpAsync(int part, int parts, CancellationToken cancellationToken)
    {
        int index = 0;
        foreach (LoadCase each in cases)
        {
            foreach (WireDialect dialect in Enum.GetValues<WireDialect>().Where(each.CanBeAskedIn))
            {
                if (index++ % parts == part)
                {
                    await AskAsync(each, dialect, streams: index % 2 == 0, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    public void Dispose() => _http.Dispose();

    Task OnceAsync(CancellationToken cancellationToken)
    {
        LoadCase each = cases[_random.Next(cases.Count)];
        WireDialect[] dialects = [.. Enum.GetValues<WireDialect>().Where(each.CanBeAskedIn)];
        WireDialect dialect = dialects[_random.Next(dialects.Length)];
        bool streams = _random.Next(2) == 0;
        return _random.Next(100) switch
        {
            < 62 => AskAsync(each, dialect, streams, cancellationToken),
            < 72 => LeaveWithinAsync(each, dialect, cancellationToken),
            < 80 => HangUpAsync(each, dialect, cancellationToken),
            < 84 => BreakOffAsync(each, dialect, cancellationToken),
            < 94 => NonsenseAsync(each, dialect, cancellationToken),
            _ => ReadAsync(cancellationToken),
        };
    }

    /// <summary>Asks, waits, compares.</summary>
    async Task AskAsync(LoadCase each, WireDialect dialect, bool streams, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using HttpRequestMessage request = Request(each, dialect, streams);
        using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        string body = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        if (IsShed(response))
        {
            report.Count("shed");
            if (response.Headers.RetryAfter is null)
            {
                report.Fault($"It is overloaded and does not say for how long: {body}");
            }

            await Task.Delay(_random.Next(20, 200), cancellationToken).ConfigureAwait(false);
            return;
        }

        if (response.StatusCode != HttpStatusCode.OK)
        {
            report.Fault($"{dialect} {each} was answered {(int)response.StatusCode}: {body}");
            return;
        }

        IReadOnlyList<string> texts;
        try
        {
            texts = WireAnswer.Texts(dialect, body, streams, each.Count);
        }
        catch (ServerErrorException error) when (error.Message.Contains("wait", StringComparison.OrdinalIgnoreCase) && error.Message.Contains("rate_limit", StringComparison.Ordinal))
        {
            report.Count("shed");
            return;
        }

        report.Took(Stopwatch.GetElapsedTime(start));
        report.Count("answer compared");
        report.Count($"{dialect}{(streams ? " stream" : "")}");
        IReadOnlyList<string> expected = expectations.Of(each);
        if (!texts.Select(text => each.IsTranscription ? text.Trim() : text).SequenceEqual(expected))
        {
            report.Fault($"{dialect} {(streams ? "stream " : "")}{each}: expected {string.Join(" | ", expected)}, found {string.Join(" | ", texts)}");
        }
    }

    /// <summary>Leaves in the middle of a stream.</summary>
    async Task LeaveWithinAsync(LoadCase each, WireDialect dialect, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = Request(each, dialect, streams: true);
        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        byte[] buffer = new byte[_random.Next(1, 2000)];
        _ = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        report.Count("left within a stream");
    }

    /// <summary>Sends a request and dies before, or while, it is answered.</summary>
    async Task HangUpAsync(LoadCase each, WireDialect dialect, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = Request(each, dialect, streams: _random.Next(2) == 0);
        byte[] bytes = await BytesAsync(request, cancellationToken).ConfigureAwait(false);
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, cancellationToken).ConfigureAwait(false);
        await client.GetStream().WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        await Task.Delay(_random.Next(60), cancellationToken).ConfigureAwait(false);
        if (_random.Next(2) == 0)
        {
            client.LingerState = new LingerOption(true, 0);
        }

        report.Count("hung up");
    }

    /// <summary>Announces more than it sends.</summary>
    async Task BreakOffAsync(LoadCase each, WireDialect dialect, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = Request(each, dialect, streams: true);
        byte[] bytes = await BytesAsync(request, cancellationToken).ConfigureAwait(false);
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, cancellationToken).ConfigureAwait(false);
        await client.GetStream().WriteAsync(bytes.AsMemory(0, _random.Next(1, bytes.Length)), cancellationToken).ConfigureAwait(false);
        await Task.Delay(_random.Next(30), cancellationToken).ConfigureAwait(false);
        report.Count("broke off");
    }

    /// <summary>Sends a body in which something is wrong.</summary>
    async Task NonsenseAsync(LoadCase each, WireDialect dialect, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = Request(each, dialect, streams: _random.Next(2) == 0);
        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        for (int i = _random.Next(1, 6); i > 0; i--)
        {
            body[_random.Next(body.Length)] = (byte)_random.Next(256);
        }

        using var content = new ByteArrayContent(_random.Next(3) == 0 ? body[..^_random.Next(1, body.Length)] : body);
        content.Headers.ContentType = request.Content.Headers.ContentType;
        using HttpResponseMessage response = await _http.PostAsync(request.RequestUri, content, cancellationToken).ConfigureAwait(false);
        string text = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        report.Count($"nonsense answered {(int)response.StatusCode}");
        if ((int)response.StatusCode >= 500 && !IsShed(response))
        {
            report.Fault($"Nonsense was answered {(int)response.StatusCode}: {text}, body {Encoding.Latin1.GetString(body.AsSpan(0, Math.Min(body.Length, 1000)))}");
        }
    }

    async Task ReadAsync(CancellationToken cancellationToken)
    {
        string path = s_reads[_random.Next(s_reads.Length)];
        using HttpResponseMessage response = await _http.GetAsync(new Uri(path, UriKind.Relative), cancellationToken).ConfigureAwait(false);
        string text = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        report.Count("read");
        if (response.StatusCode != (path == "/v1/nothing" ? HttpStatusCode.NotFound : HttpStatusCode.OK))
        {
            report.Fault($"{path} was answered {(int)response.StatusCode}: {text}");
        }
    }

    static HttpRequestMessage Request(LoadCase each, WireDialect dialect, bool streams)
    {
        if (dialect == WireDialect.Transcription)
        {
            var form = new MultipartFormDataContent();
            var file = new ByteArrayContent(each.Sound!);
            file.Headers.ContentType = new MediaTypeHeaderValue("audio/wav");
            form.Add(file, "file", "sound.wav");
            form.Add(new StringContent("whisper-1"), "model");
            form.Add(new StringContent(streams ? "true" : "false"), "stream");
            return new HttpRequestMessage(HttpMethod.Post, "/v1/audio/transcriptions") { Content = form };
        }

        (string path, JsonObject body) = each.ToBody(dialect, streams);
        return new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
    }

    async Task<byte[]> BytesAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        string head = $"POST {request.RequestUri} HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: {request.Content.Headers.ContentType}\r\nContent-Length: {body.Length}\r\n\r\n";
        return [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    /// <summary>Whether the server has too much to do, which Ollama says in its own way.</summary>
    static bool IsShed(HttpResponseMessage response) => response.StatusCode == HttpStatusCode.TooManyRequests
        || (response.StatusCode == HttpStatusCode.ServiceUnavailable && response.Headers.RetryAfter is not null);
}
