using Spectre.Console;

namespace GemmaSharp.Cli.Output;

/// <summary>A bar for long work whose length is known, when a person is looking.</summary>
sealed class ProgressSign(CliConsole console, bool quiet)
{
    /// <summary>Runs work that reports its progress.</summary>
    /// <typeparam name="TProgress">What is reported.</typeparam>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="what">What is going on: <c>Converting</c>.</param>
    /// <param name="describe">What is done now, and the share of the whole, 0 to 1.</param>
    /// <param name="work">The work; runs on another thread.</param>
    public async Task<T> WhileAsync<TProgress, T>(string what, Func<TProgress, (string Now, double Share)> describe, Func<IProgress<TProgress>?, T> work)
    {
        if (quiet || !console.ErrorIsTerminal)
        {
            return await Task.Run(() => work(null)).ConfigureAwait(false);
        }

        Progress bar = console.StyledError.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn());
        return await bar.StartAsync(async context =>
        {
            ProgressTask task = context.AddTask(Markup.Escape(what), maxValue: 1);
            return await Task.Run(() => work(new Bar<TProgress>(task, describe))).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    sealed class Bar<TProgress>(ProgressTask task, Func<TProgress, (string Now, double Share)> describe) : IProgress<TProgress>
    {
        public void Report(TProgress value)
        {
            (string now, double share) = describe(value);
            task.Description = Markup.Escape(now);
            task.Value = share;
        }
    }
}
