using System.Diagnostics.CodeAnalysis;
using GemmaSharp;
using GemmaSharp.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.AI;

/// <summary>Models of GemmaSharp as clients of Microsoft.Extensions.AI.</summary>
public static class GemmaClientExtensions
{
    internal const string Provider = "gemmasharp";

    /// <summary>The model as a chat client: text, pictures, sound and videos in, text, JSON and calls of functions out.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="leaveOpen">Whether the model lives on when the client is disposed.</param>
    /// <param name="loggerFactory">Where is logged what is passed over; null for nowhere.</param>
    /// <returns>A client that answers any number of requests at once.</returns>
    public static IChatClient AsIChatClient(
        this GemmaModel model, GemmaChatOptions? options = null, bool leaveOpen = true, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new GemmaChatClient(new LoadedModel(model, leaveOpen), options, loggerFactory);
    }

    /// <summary>The model as a client that writes down and translates speech.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="leaveOpen">Whether the model lives on when the client is disposed.</param>
    /// <returns>A client that answers any number of requests at once.</returns>
    [Experimental("MEAI001")]
    public static ISpeechToTextClient AsISpeechToTextClient(this GemmaModel model, GemmaSpeechOptions? options = null, bool leaveOpen = true)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new GemmaSpeechToTextClient(new LoadedModel(model, leaveOpen), options);
    }
}
