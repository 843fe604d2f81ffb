using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>A connection over which exactly the bytes go that a test wants, as no client library sends them.</summary>
sealed class RawConnection : IAsyncDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    readonly TcpClient _client;
    readonly NetworkStream _stream;
    readonly byte[] _buffer = new byte[16 << 10];
    int _start, _end;

    RawConnection(TcpClient client)
    {
        _client = client;
        _stream = client.GetStream();
    }

    /// <summary>The socket below.</summary>
    public Socket Socket => _client.Client;

    /// <summary>Opens one.</summary>
    /// <param name="address">The server.</param>
    /// <param name="receiveBuffer">How many bytes the system takes for a reader that does not read; 0 for its own choice.</param>
    public static async Task<RawConnection> OpenAsync(Uri address, int receiveBuffer = 0)
    {
        var client = new TcpClient { NoDelay = true };
        if (receiveBuffer > 0)
        {
            client.ReceiveBufferSize = receiveBuffer;
        }

        await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        return new RawConnection(client);
    }

    /// <summary>Sends bytes as they are.</summary>
    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes) => _stream.WriteAsync(bytes, TestContext.Current.CancellationToken);

    /// <summary>Sends characters up to U+00FF, a byte each.</summary>
    public ValueTask SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Reads one response; the connection stays as the server leaves it.</summary>
    /// <exception cref="EndOfStreamException">The connection ended before the response did.</exception>
    public async Task<RawResponse> ReadAsync(bool isHead = false)
    {
        using CancellationTokenSource patience = Patience(s_patience);
        string[] head = (await HeadAsync(patience.Token)).Split("\r\n");
        var headers = head.Skip(1).Where(line => line.Length > 0).Select(line => line.Split(':', 2)).ToLookup(
            pair => pair[0], pair => pair[1].Trim(), StringComparer.OrdinalIgnoreCase);
        int status = int.Parse(head[0].Split(' ')[1], CultureInfo.InvariantCulture);
        if (status == 100)
        {
            return await ReadAsync(isHead);
        }

        var body = new MemoryStream();
        if (isHead || status is 204 or 304)
        {
            // Nothing follows.
        }
        else if (headers["Transfer-Encoding"].Contains("chunked", StringComparer.OrdinalIgnoreCase))
        {
            while (true)
            {
                int length = int.Parse(await LineAsync(patience.Token), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                await CopyAsync(body, length, patience.Token);
                await LineAsync(patience.Token);
                if (length == 0)
                {
                    break;
                }
            }
        }
        else if (headers["Content-Length"].FirstOrDefault() is string length)
        {
            await CopyAsync(body, int.Parse(length, CultureInfo.InvariantCulture), patience.Token);
        }
        else
        {
            while (await FillAsync(patience.Token))
            {
                body.Write(_buffer, _start, _end - _start);
                _start = _end;
            }
        }

        return new RawResponse(status, string.Join("\r\n", head), headers, Encoding.UTF8.GetString(body.ToArray()));
    }

    /// <summary>Reads the head of a response, and leaves its body.</summary>
    public async Task<string> HeadAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        var head = new StringBuilder();
        while (await LineAsync(patience.Token) is { Length: > 0 } line)
        {
            head.Append(line).Append("\r\n");
        }

        return head.ToString();
    }

    /// <summary>Reads what comes until a text is in it, chunk sizes and all.</summary>
    public async Task<string> UntilAsync(string text)
    {
        using CancellationTokenSource patience = Patience(s_patience);
        var read = new StringBuilder();
        while (!read.ToString().Contains(text, StringComparison.Ordinal))
        {
            Assert.True(await FillAsync(patience.Token), $"The connection ended after: {read}");
            read.Append(Encoding.UTF8.GetString(_buffer, _start, _end - _start));
            _start = _end;
        }

        return read.ToString();
    }

    /// <summary>Whether the server ends the connection within a time, whatever it still sends.</summary>
    public async Task<bool> EndsWithinAsync(TimeSpan time)
    {
        using CancellationTokenSource patience = Patience(time);
        try
        {
            while (await FillAsync(patience.Token))
            {
                _start = _end;
            }

            return true;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Ends it as a program does that dies: no more is read, and the other side is told so.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        _client.Close();
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    static CancellationTokenSource Patience(TimeSpan time)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        source.CancelAfter(time);
        return source;
    }

    async Task<string> LineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        while (true)
        {
            if (_start == _end && !await FillAsync(cancellationToken))
            {
                throw new EndOfStreamException($"The connection ended after: {line}");
            }

            char c = (char)_buffer[_start++];
            if (c == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }

            line.Append(c);
        }
    }

    async Task CopyAsync(MemoryStream body, int count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            if (_start == _end && !await FillAsync(cancellationToken))
            {
                throw new EndOfStreamException($"The connection ended {count} bytes too early.");
            }

            int piece = Math.Min(count, _end - _start);
            body.Write(_buffer, _start, piece);
            _start += piece;
            count -= piece;
        }
    }

    async Task<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_start < _end)
        {
            return true;
        }

        _start = 0;
        _end = await _stream.ReadAsync(_buffer, cancellationToken);
        return _end > 0;
    }
}

/// <summary>A response as it came.</summary>
sealed record RawResponse(int Status, string Head, ILookup<string, string> Headers, string Body)
{
    /// <summary>The body as JSON.</summary>
    public JsonNode Json => JsonNode.Parse(Body)!;

    /// <summary>OpenAI's word for what went wrong.</summary>
    public string? Code => (string?)Json["error"]!["code"];

    /// <summary>A header's value; null where it is not there.</summary>
    public string? this[string header] => Headers[header].Any() ? string.Join(", ", Headers[header]) : null;
}
