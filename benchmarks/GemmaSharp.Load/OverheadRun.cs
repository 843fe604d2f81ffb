using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;

namespace GemmaSharp.Load;

/// <summary>What a server costs beside the library: both do the same in turn, in one process, and the medians are compared.</summary>
static class OverheadRun
{
    const int Firsts = 40;

    public static async Task<OverheadReport> RunAsync(LoadOptions options)
    {
        using Process worker = Start(options);
        try
        {
            var address = new Uri(JsonSerializer.Deserialize<string>(await LineAsync(worker).ConfigureAwait(false))!);
            var report = new OverheadReport();

            // Once for what is done once: compiling, and the beginnings of prompts.
            for (int i = 0; i < 2; i++)
            {
                await AskAsync<double[]>(worker, "streams").ConfigureAwait(false);
                ReadAll(address);
            }

            for (int round = 0; round < options.Rounds; round++)
            {
                double[] library = await AskAsync<double[]>(worker, "streams").ConfigureAwait(false);
                report.Library.Add(new OverheadRound(library[0] / library[1], library[2] / library[0] * 1e6));
                double before = await AskAsync<double>(worker, "cpu").ConfigureAwait(false);
                TimeSpan own = Environment.CpuUsage.TotalTime;
                double seconds = ReadAll(address);
                double processor = await AskAsync<double>(worker, "cpu").ConfigureAwait(false) - before;
                const int Tokens = OverheadWorkload.Streams * OverheadWorkload.Tokens;
                report.Server.Add(new OverheadRound(Tokens / seconds, processor / Tokens * 1e6));
                report.ClientMicroseconds.Add((Environment.CpuUsage.TotalTime - own).TotalMicroseconds / Tokens);
            }

            using Socket socket = Connect(address);
            for (int i = 0; i < Firsts + 5; i++)
            {
                double library = await AskAsync<double>(worker, "first").ConfigureAwait(false), server = First(socket, address);
                if (i >= 5)
                {
                    report.LibraryFirst.Add(library);
                    report.ServerFirst.Add(server);
                }
            }

            return report;
        }
        finally
        {
            worker.StandardInput.Close();
            if (!worker.WaitForExit(TimeSpan.FromSeconds(20)))
            {
                worker.Kill();
            }
        }
    }

    static Process Start(LoadOptions options)
    {
        string program = Environment.ProcessPath!;
        string[] before = Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase)
            ? [Path.Combine(AppContext.BaseDirectory, "GemmaSharp.Load.dll")] : [];
        var start = new ProcessStartInfo(program, [.. before, "worker", "--model", options.Model]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        return Process.Start(start)!;
    }

    static async Task<string> LineAsync(Process worker) =>
        await worker.StandardOutput.ReadLineAsync().ConfigureAwait(false) ?? throw new InvalidOperationException("The process that is measured has ended; its error output says why.");

    static async Task<T> AskAsync<T>(Process worker, string command)
    {
        await worker.StandardInput.WriteLineAsync(command).ConfigureAwait(false);
        return JsonSerializer.Deserialize<T>(await LineAsync(worker).ConfigureAwait(false))!;
    }

    static Socket Connect(Uri address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(address.Host, address.Port);
        return socket;
    }

    /// <summary>
    /// Has all streams answered, and gives the seconds that took. Clients take processors from the server, where there are few; so this one looks at all its
    /// connections only now and then, and takes what there is.
    /// </summary>
    static double ReadAll(Uri address)
    {
        Socket[] sockets = [.. Enumerable.Range(0, OverheadWorkload.Streams).Select(_ => Connect(address))];
        byte[][] requests = [.. Enumerable.Range(0, sockets.Length).Select(index => OverheadWorkload.StreamRequest(index, address.Authority))];
        byte[] buffer = new byte[256 << 10];
        var open = new HashSet<Socket>(sockets);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < sockets.Length; i++)
        {
            sockets[i].Send(requests[i]);
        }

        long last = start;
        while (open.Count > 0)
        {
            Thread.Sleep(15);
            foreach (Socket socket in sockets)
            {
                if (open.Contains(socket) && socket.Available > 0)
                {
                    int read = socket.Receive(buffer);
                    if (buffer.AsSpan(0, read).IndexOf("[DONE]"u8) >= 0)
                    {
                        open.Remove(socket);
                        last = Stopwatch.GetTimestamp();
                    }
                }
            }

            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromMinutes(10))
            {
                throw new InvalidOperationException($"{open.Count} streams have not ended after ten minutes.");
            }
        }

        Array.ForEach(sockets, socket => socket.Dispose());
        return Stopwatch.GetElapsedTime(start, last).TotalSeconds;
    }

    /// <summary>Milliseconds from a request to the first event of its response, whose rest is read, too.</summary>
    static double First(Socket socket, Uri address)
    {
        byte[] buffer = new byte[64 << 10];
        byte[] request = OverheadWorkload.FirstRequest(address.Authority);
        long start = Stopwatch.GetTimestamp();
        socket.Send(request);
        double first = 0;
        int filled = 0;
        while (buffer.AsSpan(0, filled).IndexOf("[DONE]"u8) < 0 || buffer.AsSpan(0, filled).IndexOf("\r\n0\r\n\r\n"u8) < 0)
        {
            int read = socket.Receive(buffer.AsSpan(filled));
            filled += read > 0 ? read : throw new InvalidOperationException("The server has ended the connection.");
            if (first == 0 && buffer.AsSpan(0, filled).IndexOf("data: "u8) >= 0)
            {
                first = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }

        return first;
    }
}
