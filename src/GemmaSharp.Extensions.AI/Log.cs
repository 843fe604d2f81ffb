using Microsoft.Extensions.Logging;

namespace GemmaSharp.Extensions.AI;

/// <summary>What is logged. Never content.</summary>
static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The tool {Kind} is hosted by a service and no function of this program, so the model is not told of it.")]
    public static partial void ToolPassedOver(ILogger logger, string kind);

    [LoggerMessage(2, LogLevel.Information, "{Notice}")]
    public static partial void MediaNotice(ILogger logger, string notice);

    [LoggerMessage(3, LogLevel.Error, "The model could not be loaded; the next call tries again.")]
    public static partial void WarmUpFailed(ILogger logger, Exception error);
}
