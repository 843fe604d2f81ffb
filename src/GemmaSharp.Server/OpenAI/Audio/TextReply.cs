using System.Text;
using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI.Audio;

/// <summary>A text, which comes when it is whole: nothing may stand before it.</summary>
sealed class TextReply(HttpContext context, GemmaServerOptions options) : Reply(context, options)
{
    public override TimeSpan Patience => Options.PatienceOfClients;

    public override bool StartsWhenAdmitted => false;

    protected override string ContentType => "text/plain; charset=utf-8";

    /// <summary>Writes the text, and ends the response.</summary>
    public ValueTask EndAsync(string text)
    {
        Write(Encoding.UTF8.GetBytes(text));
        return FlushAsync();
    }

    // Only what the client waits for, its headers, can be sent early.
    protected override ValueTask StayAliveAsync() => HasStarted ? ValueTask.CompletedTask : StartAsync();

    public override ValueTask FailAsync(ApiException error)
    {
        // Half a text must not look like a whole one.
        Context.Abort();
        return ValueTask.CompletedTask;
    }
}
