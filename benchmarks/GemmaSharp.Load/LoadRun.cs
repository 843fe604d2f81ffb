using System.Diagnostics;
using System.Text.Json.Nodes;
using GemmaSharp.Server;

namespace GemmaSharp.Load;

/// <summary>A server under load, and what is left when the load is gone.</summary>
static class LoadRun
{
    /// <summary>Runs it.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    public static async Task<LoadResult> RunAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<LoadCase> cases = LoadCase.All(options.Media);
        Expectations expectations;
        using (GemmaModel alone = GemmaModel.Load(options.Model))
        {
            expectations = await Expectations.ComputeAsync(alone, cases, cancellationToken).ConfigureAwait(false);
        }

        if (options.Url is Uri running)
        {
            return await LoadAsync(options, running, model: null, cases, expectations, cancellationToken).ConfigureAwait(false);
        }

        using GemmaModel model = GemmaModel.Load(
            options.Model, new GemmaModelOptions { MaxActive = options.MaxActive, MaxQueued = options.MaxQueued, CacheBytes = options.CacheBytes });
        GemmaServer server = GemmaServer.Create("127.0.0.1", 0, serving =>
        {
            serving.Models.Add(new GemmaServerModel(model));
            serving.StoredResponses = 100;
        });
        await using (server.ConfigureAwait(false))
        {
            await server.StartAsync(cancellationToken).ConfigureAwait(false);
            await server.ReadyAsync(cancellationToken).ConfigureAwait(false);
            LoadResult report = await LoadAsync(options, server.Addresses[0], model, cases, expectations, cancellationToken).ConfigureAwait(false);
            await server.StopAsync(cancellationToken).ConfigureAwait(false);
            return report;
        }
    }

    static async Task<LoadResult> LoadAsync(
        LoadOptions options, Uri address, GemmaModel? model, IReadOnlyList<LoadCase> cases, Expectations expectations, CancellationToken cancellationToken)
    {
        var report = new LoadResult();
        await WithClientsAsync(4, (client, index) => client.WarmUpAsync(index, 4, cancellationToken)).ConfigureAwait(false);
        await QuietAsync(address, model, report).ConfigureAwait(false);
        report.Before = model is null ? null : ResourceUse.Now(model);
        long start = Stopwatch.GetTimestamp();
        using (CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            ending.CancelAfter(options.Time);
            await WithClientsAsync(options.Clients, (client, _) => client.RunAsync(ending.Token)).ConfigureAwait(false);
        }

        report.Seconds = Math.Round(Stopwatch.GetElapsedTime(start).TotalSeconds, 1);
        await QuietAsync(address, model, report).ConfigureAwait(false);

        // Connections that clients have closed are closed here, too, a moment later.
        await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(false);
        report.After = model is null ? null : ResourceUse.Now(model);
        report.CompareResources(options);
        return report;

        async Task WithClientsAsync(int count, Func<LoadClient, int, Task> what)
        {
            LoadClient[] clients = [.. Enumerable.Range(0, count).Select(i => new LoadClient(address, cases, expectations, report, (options.Seed * 1000) + i))];
            try
            {
                await Task.WhenAll(clients.Select((client, index) => Task.Run(() => what(client, index), CancellationToken.None))).ConfigureAwait(false);
            }
            finally
            {
                Array.ForEach(clients, client => client.Dispose());
            }
        }
    }

    /// <summary>Waits until nobody is answered any more, since those who left may take a step to be noticed.</summary>
    static async Task QuietAsync(Uri address, GemmaModel? model, LoadResult report)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            report.Left = model is not null ? model.ActiveAnswers + model.WaitingAnswers : await BusySlotsAsync(address).ConfigureAwait(false);
            if (report.Left == 0)
            {
                return;
            }

            await Task.Delay(20).ConfigureAwait(false);
        }
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(10));
        report.Fault($"{report.Left} answers are still computed ten seconds after the last client has gone.");
    }

    static async Task<int> BusySlotsAsync(Uri address)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = address };
        JsonNode slots = JsonNode.Parse(await http.GetStringAsync(new Uri("/slots", UriKind.Relative)).ConfigureAwait(false))!;
        return slots.AsArray().Count(slot => (bool)slot!["is_processing"]!);
    }
}
