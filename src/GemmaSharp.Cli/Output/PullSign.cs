using System.Diagnostics;
using System.Text.Json;
using GemmaSharp.Hub;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace GemmaSharp.Cli.Output;

/// <summary>Shows how far a download is: bars where a person looks, a line now and then where none does, lines of JSON where a program reads.</summary>
sealed class PullSign(CliConsole console, bool quiet, bool json = false)
{
    static readonly TimeSpan s_lines = TimeSpan.FromSeconds(10);
    static readonly TimeSpan s_jsonLines = TimeSpan.FromSeconds(1);

    /// <summary>Runs a download that reports how far it is.</summary>
    public async Task<T> WhileAsync<T>(Func<IProgress<PullProgress>?, Task<T>> work)
    {
        if (json || quiet || !console.ErrorIsTerminal || !console.CanMove || HubEnvironment.WithoutBars(Environment.GetEnvironmentVariable))
        {
            return await work(Lines()).ConfigureAwait(false);
        }

        Progress bars = console.StyledError.Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new WordsColumn(), new ProgressBarColumn(), new PercentageColumn());
        return await bars.StartAsync(context => work(new Bars(context))).ConfigureAwait(false);
    }

    /// <summary>A line now and then; null where nobody is to be told.</summary>
    public IProgress<PullProgress>? Lines() => json ? new LineByLine(s_jsonLines, PrintJson) : quiet ? null : new LineByLine(s_lines, progress =>
    {
        // That all is there the result says.
        if (progress.Phase != PullPhase.Done)
        {
            console.Notice("gemma: " + Line(progress));
        }
    });

    /// <summary>How far it is, in a line.</summary>
    internal static string Line(PullProgress progress) => progress.Notice is string notice ? notice + Again(progress.RetryIn) : Sum(progress);

    static string Again(TimeSpan? time) => time is TimeSpan wait ? Show.Text($"; trying again in {Math.Ceiling(wait.TotalSeconds):0} s") : "";

    static string Sum(PullProgress progress)
    {
        string speed = progress.BytesPerSecond > 0 ? $", {Show.Bytes((long)progress.BytesPerSecond)}/s" : "";
        string left = progress.Remaining is TimeSpan remaining && progress.DoneBytes < progress.TotalBytes ? $", {Left(remaining)} left" : "";
        string share = Show.Text($"{Share(progress.DoneBytes, progress.TotalBytes):0 %}");
        return $"{Show.Bytes(progress.DoneBytes)} of {Show.Bytes(progress.TotalBytes)}, {share}{speed}{left}";
    }

    static string Left(TimeSpan time) => time.TotalHours >= 1 ? Show.Text($"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : Show.Text($"{time.Minutes}:{time.Seconds:00}");

    // 100 % is what is done.
    static double Share(long done, long total) => total == 0 ? 1 : Math.Floor(100.0 * done / total) / 100;

    void PrintJson(PullProgress progress) => JsonOutput.Print(console, writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("type", "progress");
        writer.WriteString("phase", JsonNamingPolicy.SnakeCaseLower.ConvertName(progress.Phase.ToString()));
        writer.WriteNumber("done_bytes", progress.DoneBytes);
        writer.WriteNumber("total_bytes", progress.TotalBytes);
        writer.WriteMeasured("bytes_per_second", progress.BytesPerSecond);
        if (progress.Remaining is TimeSpan remaining)
        {
            writer.WriteMeasured("remaining_seconds", remaining.TotalSeconds);
        }

        if (progress.Notice is not null)
        {
            writer.WriteString("notice", progress.Notice);
        }

        if (progress.RetryIn is TimeSpan wait)
        {
            writer.WriteMeasured("retry_seconds", wait.TotalSeconds);
        }

        writer.WriteStartArray("files");
        foreach (FileProgress file in progress.Files)
        {
            writer.WriteStartObject();
            writer.WriteString("path", file.File.Path);
            writer.WriteNumber("done_bytes", file.DoneBytes);
            writer.WriteNumber("size", file.File.Size);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    });

    /// <summary>A line now and then, and whenever something waits.</summary>
    sealed class LineByLine(TimeSpan interval, Action<PullProgress> print) : IProgress<PullProgress>
    {
        readonly Lock _lock = new();
        long _last = Stopwatch.GetTimestamp();
        string? _notice;

        public void Report(PullProgress value)
        {
            lock (_lock)
            {
                bool news = value.Notice is not null && value.Notice != _notice;
                if (news || (value.Notice is null && (value.Phase == PullPhase.Done || Stopwatch.GetElapsedTime(_last) >= interval)))
                {
                    (_last, _notice) = (Stopwatch.GetTimestamp(), value.Notice);
                    print(value);
                }
            }
        }
    }

    /// <summary>Why something waits, if it does, and the time at which it goes on.</summary>
    readonly record struct Wait(string? Reason, long? Until);

    /// <summary>What a bar is of; behind the sum why something waits, counting down.</summary>
    sealed class WordsColumn : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            string text = AnswerWriter.Visible(task.Description);
            Wait wait = task.State.Get<Wait>(nameof(Wait));
            if (wait.Reason is null)
            {
                return new Text(text);
            }

            TimeSpan? left = wait.Until is not long until ? null : Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), until) is { Ticks: > 0 } time ? time
                : TimeSpan.Zero;
            return new Text($"{text}; {AnswerWriter.Visible(wait.Reason)}{Again(left)}");
        }
    }

    /// <summary>A bar for each file that is being downloaded, and one for all.</summary>
    sealed class Bars(ProgressContext context) : IProgress<PullProgress>
    {
        readonly Lock _lock = new();
        readonly Dictionary<string, ProgressTask> _files = new(StringComparer.Ordinal);
        ProgressTask? _all;

        public void Report(PullProgress value)
        {
            lock (_lock)
            {
                _all ??= context.AddTask(Sum(value), maxValue: 1);
                _all.Description = Sum(value);
                _all.State.Update<Wait>(nameof(Wait), _ => new Wait(
                    value.Notice, value.RetryIn is TimeSpan time ? Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency) : null));
                _all.Value = Share(value.DoneBytes, value.TotalBytes);
                foreach (FileProgress file in value.Files)
                {
                    if (!_files.TryGetValue(file.File.Path, out ProgressTask? bar))
                    {
                        _files[file.File.Path] = bar = context.AddTask(file.File.Path, maxValue: Math.Max(1, file.File.Size));
                    }

                    bar.Description = file.File.Path + (file.IsChecking ? ", checking" : "");
                    bar.Value = file.DoneBytes;
                }

                foreach (string ended in _files.Keys.Except(value.Files.Select(file => file.File.Path)).ToArray())
                {
                    _files[ended].StopTask();
                    _files[ended].Value = _files[ended].MaxValue;
                    _files.Remove(ended);
                }
            }
        }
    }
}
