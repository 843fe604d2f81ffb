using Spectre.Console;

namespace GemmaSharp.Cli.Output;

/// <summary>Shows that something is going on when it takes longer than a moment and a person is looking.</summary>
sealed class BusySign(CliConsole console, bool quiet)
{
    static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(600);

    /// <summary>Waits for a task, with a spinner if it lasts.</summary>
    /// <param name="what">What is going on: <c>Loading</c>.</param>
    /// <param name="task">What is waited for.</param>
    public async Task<T> WhileAsync<T>(string what, Task<T> task)
    {
        if (!quiet && console.ErrorIsTerminal && console.CanMove && await Task.WhenAny(task, Task.Delay(s_moment)).ConfigureAwait(false) != task)
        {
            await console.StyledError.Status().StartAsync(Markup.Escape(what) + " …", _ => Task.WhenAny(task)).ConfigureAwait(false);
        }

        return await task.ConfigureAwait(false);
    }
}
