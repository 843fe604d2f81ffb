using Microsoft.Extensions.Logging;

namespace GemmaSharp.Cli.Output;

/// <summary>Logs as lines on standard error: the library's with <c>--verbose</c>, the server's always.</summary>
sealed class StandardErrorLogger(CliConsole console, string category = "") : ILoggerFactory, ILoggerProvider, ILogger
{
    readonly string _category = category[(category.LastIndexOf('.') + 1)..];

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new StandardErrorLogger(console, categoryName);

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider)
    {
        // Standard error is the only place there is.
    }

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Debug and < LogLevel.None;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            console.Notice($"{logLevel.ToString().ToLowerInvariant()} {_category}: {formatter(state, exception)}{(exception is null ? "" : $": {exception}")}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
