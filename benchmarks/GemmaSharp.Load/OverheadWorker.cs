using System.Diagnostics;
using System.Text.Json;
using GemmaSharp.Server;

namespace GemmaSharp.Load;

/// <summary>
/// The process that is measured: it has a model and a server on it, and does with the library what it is told on standard input. So both are measured in the
/// same process, and the clients' work is another one's.
/// </summary>
static class OverheadWorker
{
    public static async Task RunAsync(LoadOptions options)
    {
        using GemmaModel model = GemmaModel.Load(options.Model, new GemmaModelOptions { MaxActive = OverheadWorkload.Streams });
        GemmaServer server = GemmaServer.Create("127.0.0.1", 0, serving => serving.Models.Add(new GemmaServerModel(model)));
        await using (server.ConfigureAwait(false))
        {
            await server.StartAsync().ConfigureAwait(false);
            await server.ReadyAsync().ConfigureAwait(false);
            Answer(server.Addresses[0].AbsoluteUri);
            while (await Console.In.ReadLineAsync().ConfigureAwait(false) is string command)
            {
                Answer(command switch
                {
                    "cpu" => Processor().TotalSeconds,
                    "streams" => await StreamsAsync(model).ConfigureAwait(false),
                    "first" => await FirstAsync(model).ConfigureAwait(false),
                    _ => throw new InvalidOperationException($"There is no command {command}."),
                });
            }
        }
    }

    static void Answer(object value) => Console.WriteLine(JsonSerializer.Serialize(value));

    static TimeSpan Processor() => Environment.CpuUsage.TotalTime;

    /// <summary>Has all streams answered; what each second of the clock and of the processors was spent on is one and the same thing.</summary>
    static async Task<double[]> StreamsAsync(GemmaModel model)
    {
        TimeSpan processor = Processor();
        long start = Stopwatch.GetTimestamp();
        int[] counts = await Task.WhenAll(Enumerable.Range(0, OverheadWorkload.Streams).Select(index => Task.Run(async () =>
        {
            int count = 0;
            await foreach (GeneratedToken token in model.Answer(OverheadWorkload.Stream(index)))
            {
                count++;
            }

            return count;
        }))).ConfigureAwait(false);
        return [counts.Sum(), Stopwatch.GetElapsedTime(start).TotalSeconds, (Processor() - processor).TotalSeconds];
    }

    /// <summary>Milliseconds from a question to its first token.</summary>
    static async Task<double> FirstAsync(GemmaModel model)
    {
        long start = Stopwatch.GetTimestamp();
        double first = 0;
        await foreach (GeneratedToken token in model.Answer(OverheadWorkload.First()))
        {
            first = first == 0 ? Stopwatch.GetElapsedTime(start).TotalMilliseconds : first;
        }

        return first;
    }
}
