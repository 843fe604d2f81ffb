using System.Diagnostics;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace GemmaSharp.Server.Http;

/// <summary>The body of a response that takes its time: begun when the client needs to see something, kept alive, cut off when nobody reads it.</summary>
/// <remarks>Used by one request, one call at a time.</remarks>
abstract class Reply : IDisposable
{
    static readonly byte[] s_newline = "\n"u8.ToArray();

    readonly Utf8JsonWriter _json;
    long _lastSent = Stopwatch.GetTimestamp();
    bool _hasUnsent;

    protected Reply(HttpContext context, GemmaServerOptions options)
    {
        Context = context;
        Options = options;
        _json = new Utf8JsonWriter(context.Response.BodyWriter, WireJson.WriterOptions);
    }

    /// <summary>Whether something has been sent, so that the status is fixed.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>How long the client waits for the first byte at most, if nothing is said earlier.</summary>
    public abstract TimeSpan Patience { get; }

    /// <summary>Whether it begins when the request has left the queue, since then its status is known.</summary>
    public abstract bool StartsWhenAdmitted { get; }

    /// <summary>How long the client still waits in silence, whatever is computed meanwhile; not above zero: too long already.</summary>
    public TimeSpan Quiet => (HasStarted ? Options.KeepAlive : Patience) - Stopwatch.GetElapsedTime(_lastSent);

    protected HttpContext Context { get; }

    protected GemmaServerOptions Options { get; }

    protected PipeWriter Body => Context.Response.BodyWriter;

    protected abstract string ContentType { get; }

    /// <summary>Sends the headers, and what comes first where there is such a thing.</summary>
    public ValueTask StartAsync()
    {
        Start();
        Opened();
        return FlushAsync();
    }

    /// <summary>Sends a sign of life, as far as the form has one; the next is due when it has been quiet as long again.</summary>
    public ValueTask SignalAsync()
    {
        _lastSent = Stopwatch.GetTimestamp();
        return StayAliveAsync();
    }

    /// <summary>Says what went wrong after the response was begun, and ends it.</summary>
    public abstract ValueTask FailAsync(ApiException error);

    /// <summary>Sends what has been written; ends the connection of a client that does not read.</summary>
    /// <exception cref="OperationCanceledException">The client is gone, or was cut off.</exception>
    public async ValueTask FlushAsync()
    {
        if (_hasUnsent)
        {
            _hasUnsent = false;
            _lastSent = Stopwatch.GetTimestamp();
        }

        ValueTask<FlushResult> flush = Body.FlushAsync(Context.RequestAborted);
        if (!flush.IsCompleted)
        {
            try
            {
                await flush.AsTask().WaitAsync(Options.SlowReaderTimeout, Context.RequestAborted).ConfigureAwait(false);
                return;
            }
            catch (TimeoutException)
            {
                Context.Abort();
                throw new OperationCanceledException("The client does not read.", Context.RequestAborted);
            }
        }

        FlushResult result = await flush.ConfigureAwait(false);
        if (result.IsCompleted || result.IsCanceled)
        {
            throw new OperationCanceledException(Context.RequestAborted);
        }
    }

    public void Dispose() => _json.Dispose();

    /// <summary>Writes a sign of life, as far as the form has one.</summary>
    protected abstract ValueTask StayAliveAsync();

    /// <summary>Writes what can be said before there is an answer.</summary>
    protected virtual void Opened()
    {
    }

    protected void Start()
    {
        if (!HasStarted)
        {
            HasStarted = true;
            _hasUnsent = true;
            HttpResponse response = Context.Response;
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = ContentType;
            response.Headers.CacheControl = "no-cache";
            response.Headers["X-Accel-Buffering"] = "no";
            Context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        }
    }

    protected void Write(ReadOnlySpan<byte> bytes)
    {
        Start();
        _hasUnsent = true;
        bytes.CopyTo(Body.GetSpan(bytes.Length));
        Body.Advance(bytes.Length);
    }

    protected void WriteLine() => Write(s_newline);

    protected void Write<T>(T value, JsonTypeInfo<T> type)
    {
        Start();
        _hasUnsent = true;
        _json.Reset(Body);
        JsonSerializer.Serialize(_json, value, type);
        _json.Flush();
    }

    protected void Write(Dialect dialect, ApiException error)
    {
        Start();
        _hasUnsent = true;
        _json.Reset(Body);
        dialect.Write(_json, error);
        _json.Flush();
    }
}

/// <summary>Server-sent events.</summary>
sealed class EventStream(HttpContext context, GemmaServerOptions options, Dialect dialect) : Reply(context, options)
{
    /// <summary>How long the queue may be before the client sees that it is heard.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    public override TimeSpan Patience => s_patience;

    public override bool StartsWhenAdmitted => true;

    protected override string ContentType => "text/event-stream; charset=utf-8";

    /// <summary>Whether a failure is an event with a name, as where all events have one.</summary>
    public bool NamesEvents { get; init; }

    /// <summary>Writes what comes with the headers, before there is an answer; null for nothing.</summary>
    public Action? Opening { get; set; }

    /// <summary>Says in a form of its own what went wrong; null for the dialect's.</summary>
    public Action<ApiException>? Failing { get; set; }

    /// <summary>Writes an event.</summary>
    public void Event<T>(T value, JsonTypeInfo<T> type)
    {
        Write("data: "u8);
        Write(value, type);
        Write("\n\n"u8);
    }

    /// <summary>Writes an event with a name.</summary>
    /// <param name="name">In ASCII, without line ends.</param>
    /// <param name="value">What it says.</param>
    /// <param name="type">How that is written.</param>
    public void Event<T>(string name, T value, JsonTypeInfo<T> type)
    {
        Write("event: "u8);
        Write(System.Text.Encoding.ASCII.GetBytes(name));
        WriteLine();
        Event(value, type);
    }

    /// <summary>Says that nothing more will come, as OpenAI does.</summary>
    public void Done() => Write("data: [DONE]\n\n"u8);

    protected override void Opened() => Opening?.Invoke();

    // With an empty line behind it, some clients took a comment for an event without data.
    protected override ValueTask StayAliveAsync()
    {
        Write(NamesEvents && dialect == Dialect.Anthropic ? "event: ping\ndata: {\"type\":\"ping\"}\n\n"u8 : ": ping\n"u8);
        return FlushAsync();
    }

    public override ValueTask FailAsync(ApiException error)
    {
        if (Failing is not null)
        {
            Failing(error);
            return FlushAsync();
        }

        if (NamesEvents)
        {
            Write("event: error\n"u8);
        }

        Write("data: "u8);
        Write(dialect, error);
        Write("\n\n"u8);
        return FlushAsync();
    }
}

/// <summary>JSON objects line by line.</summary>
sealed class LineStream(HttpContext context, GemmaServerOptions options, Dialect dialect) : Reply(context, options)
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    public override TimeSpan Patience => s_patience;

    public override bool StartsWhenAdmitted => true;

    protected override string ContentType => "application/x-ndjson";

    /// <summary>Writes a line.</summary>
    public void Line<T>(T value, JsonTypeInfo<T> type)
    {
        Write(value, type);
        WriteLine();
    }

    // Its readers know neither comments nor empty lines, but white space before the next object is a part of its line.
    protected override ValueTask StayAliveAsync()
    {
        Write(" "u8);
        return FlushAsync();
    }

    public override ValueTask FailAsync(ApiException error)
    {
        Write(dialect, error);
        WriteLine();
        return FlushAsync();
    }
}

/// <summary>One JSON object; before it white space where it takes long.</summary>
sealed class JsonReply(HttpContext context, GemmaServerOptions options, Dialect dialect) : Reply(context, options)
{
    public override TimeSpan Patience => Options.PatienceOfClients;

    public override bool StartsWhenAdmitted => false;

    protected override string ContentType => "application/json; charset=utf-8";

    /// <summary>Writes the object, and ends the response.</summary>
    public ValueTask EndAsync<T>(T value, JsonTypeInfo<T> type)
    {
        Write(value, type);
        return FlushAsync();
    }

    protected override ValueTask StayAliveAsync()
    {
        WriteLine();
        return FlushAsync();
    }

    public override ValueTask FailAsync(ApiException error)
    {
        Write(dialect, error);
        return FlushAsync();
    }
}
