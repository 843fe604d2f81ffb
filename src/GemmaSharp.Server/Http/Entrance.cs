using System.Diagnostics;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Server.Http;

/// <summary>What all endpoints have in common: the guard before them, errors in their dialect, one line in the log.</summary>
sealed partial class Entrance(Guard guard, ILogger<GemmaServer> logger)
{
    static long s_requests;

    /// <summary>An endpoint.</summary>
    /// <param name="dialect">Whose form its errors have.</param>
    /// <param name="handle">Answers a request.</param>
    /// <param name="isOpen">Whether it needs no key.</param>
    public RequestDelegate Of(Dialect dialect, Func<HttpContext, Task> handle, bool isOpen = false) => async context =>
    {
        long start = Stopwatch.GetTimestamp();
        string id = FormattableString.Invariant($"req_{Interlocked.Increment(ref s_requests):x8}");
        context.TraceIdentifier = id;
        context.Response.Headers[dialect.RequestId] = id;
        int? refused = null;
        try
        {
            guard.Admit(context, isOpen);
            await handle(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            refused = StatusCodes.Status499ClientClosedRequest;
        }
        catch (Exception error) when (context.RequestAborted.IsCancellationRequested && error is IOException or BadHttpRequestException)
        {
            refused = StatusCodes.Status499ClientClosedRequest;
        }
        catch (Exception error)
        {
            ApiException told = ErrorMapping.Of(error);
            refused = dialect.Status(told);
            Report(error, told, id);
            await RefuseAsync(context, dialect, told).ConfigureAwait(false);
        }
        finally
        {
            Answered(
                logger, id, context.Request.Method, context.GetEndpoint()?.DisplayName ?? "", refused ?? context.Response.StatusCode,
                Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    };

    /// <summary>Logs what is the server's own trouble.</summary>
    public void Report(Exception error, ApiException told, string id)
    {
        if (told.Status >= StatusCodes.Status500InternalServerError && error is not ApiException)
        {
            Failed(logger, error, id);
        }
    }

    static async Task RefuseAsync(HttpContext context, Dialect dialect, ApiException error)
    {
        if (context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
            return;
        }

        try
        {
            await dialect.RefuseAsync(context, error).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            // Nobody is left to be told.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Id} {Method} {Endpoint} {Status} {Milliseconds:F1} ms")]
    static partial void Answered(ILogger logger, string id, string method, string endpoint, int status, double milliseconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Id} failed")]
    static partial void Failed(ILogger logger, Exception error, string id);
}
