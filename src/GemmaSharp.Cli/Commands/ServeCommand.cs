using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using GemmaSharp.Server;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma serve</c>: the HTTP server and the web page.</summary>
static class ServeCommand
{
    /// <summary>The environment variable that holds a key, for those who do not want it in a list of processes.</summary>
    const string KeyVariable = "GEMMA_API_KEY";

    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var options = new ServeOptions(global);
        var command = new Command("serve", "Serve models over HTTP to clients of OpenAI, Ollama and Anthropic, with a web page.");
        options.AddTo(command);
        command.SetAction(async parse =>
        {
            if (options.IsCheck(parse))
            {
                return await HealthCheck.RunAsync(options.Host(parse), options.Port(parse), console).ConfigureAwait(false);
            }

            return await ServeAsync(parse, options, global, console).ConfigureAwait(false);
        });
        return new CliCommand(
            command,
            "gemma serve",
            "gemma serve --open",
            "gemma serve --model google/gemma-3n-E2B-it --alias gpt-4o-mini --port 8080",
            "gemma serve --host 0.0.0.0 --api-key-file keys.txt",
            "gemma serve --model google/gemma-3n-E2B-it --model demo=models/gemma-3n-demo --adapter poet=adapters/poet");
    }

    static async Task<int> ServeAsync(ParseResult parse, ServeOptions options, GlobalOptions global, CliConsole console)
    {
        string host = options.Host(parse);
        bool quiet = parse.GetValue(global.Quiet);
        IReadOnlyList<string> keys = options.Keys(parse, Environment.GetEnvironmentVariable(KeyVariable));
        if (keys.Count == 0 && GemmaServer.IsPublic(host) && !options.IsWithoutKeys(parse))
        {
            throw CliException.Usage(
                $"--host is {host}, which others can reach, and there is no key; "
                + $"give one with --api-key or {KeyVariable}, listen on 127.0.0.1, or say --no-auth.");
        }

        Action<GemmaServerOptions> configure = options.Reader(parse, keys);
        await using GemmaServer server = GemmaServer.Create(host, options.Port(parse), configure, logging =>
        {
            logging.SetMinimumLevel(parse.GetValue(global.Verbose) ? LogLevel.Debug : LogLevel.Warning);
            logging.AddFilter("GemmaSharp.Server", parse.GetValue(global.Quiet) ? LogLevel.Warning : LogLevel.Information);
            logging.AddProvider(new StandardErrorLogger(console));
        });
        using Interrupts.Scope interrupt = console.Interrupts.Begin();
        try
        {
            await server.StartAsync(interrupt.Token).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            throw new CliException(
                ExitCode.Failed,
                $"The server cannot listen on {host}, port {options.Port(parse)} ({error.Message.TrimEnd('.')}); choose another with --host or --port.");
        }

        Uri address = server.Addresses[0];
        if (!quiet)
        {
            console.Notice($"gemma: listening on {string.Join(" and ", server.Addresses.Select(each => each.GetLeftPart(UriPartial.Authority)))}; loading");
        }

        using CancellationTokenRegistration stop = interrupt.Token.Register(() => _ = server.StopAsync());
        try
        {
            await server.ReadyAsync(interrupt.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (interrupt.Token.IsCancellationRequested)
        {
            return ExitCode.Done;
        }

        if (!quiet)
        {
            console.Notice($"gemma: serving {string.Join(", ", server.ModelIds)}; Ctrl-C stops");
        }

        if (options.IsOpened(parse))
        {
            Open(address, console);
        }

        await server.WaitForShutdownAsync().ConfigureAwait(false);
        return ExitCode.Done;
    }

    static void Open(Uri address, CliConsole console)
    {
        var page = new UriBuilder(address) { Host = address.Host is "0.0.0.0" or "[::]" ? "localhost" : address.Host };
        try
        {
            using Process? browser = Process.Start(new ProcessStartInfo(page.Uri.AbsoluteUri) { UseShellExecute = true });
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or PlatformNotSupportedException or InvalidOperationException)
        {
            console.Notice(string.Create(CultureInfo.InvariantCulture, $"gemma: no browser could be started; open {page.Uri.AbsoluteUri}"));
        }
    }
}
