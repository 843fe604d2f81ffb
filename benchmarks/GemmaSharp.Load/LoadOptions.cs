using System.Globalization;
using System.Net;

namespace GemmaSharp.Load;

/// <summary>What a run is to be.</summary>
sealed record LoadOptions
{
    public int Clients { get; init; } = 16;

    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Answers that the server computes side by side.</summary>
    public int MaxActive { get; init; } = 32;

    /// <summary>Requests that may wait, so few that the server must say no now and then.</summary>
    public int MaxQueued { get; init; } = 8;

    /// <summary>Memory for keys and values, so little that it has to be shared.</summary>
    public long CacheBytes { get; init; } = 192 << 20;

    /// <summary>Of what clients do.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where the report goes, besides the standard output; null for nowhere else.</summary>
    public string? File { get; init; }

    /// <summary>A server that runs already; null to start one.</summary>
    public Uri? Url { get; init; }

    /// <summary>Whether what the server costs is measured, instead.</summary>
    public bool Overhead { get; init; }

    /// <summary>Rounds of that.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>Whether the process is the one that is measured.</summary>
    public bool IsWorker { get; init; }

    public string Model { get; init; } = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    public string Media { get; init; } = Path.Combine(AppContext.BaseDirectory, "Goldens", "demo");

    /// <exception cref="ArgumentException">An argument is not known, or its value is none.</exception>
    public static LoadOptions Parse(string[] arguments)
    {
        var options = new LoadOptions();
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            options = name switch
            {
                "--clients" => options with { Clients = Whole(1, 1000) },
                "--seconds" => options with { Time = TimeSpan.FromSeconds(Whole(1, 86_400)) },
                "--active" => options with { MaxActive = Whole(1, 1024) },
                "--queued" => options with { MaxQueued = Whole(0, 100_000) },
                "--cache-mb" => options with { CacheBytes = (long)Whole(1, 1 << 20) << 20 },
                "--seed" => options with { Seed = Whole(0, int.MaxValue) },
                "--rounds" => options with { Rounds = Whole(1, 1000) },
                "--json" => options with { File = Value() },
                "--model" => options with { Model = Value() },
                "--url" => options with { Url = Loopback(Value()) },
                "--overhead" => options with { Overhead = true },
                "worker" => options with { IsWorker = true },
                _ => throw new ArgumentException(
                    $"{name} is not known; use --clients, --seconds, --active, --queued, --cache-mb, --seed, --json, --model, --url, or --overhead with --rounds."),
            };

            string Value() => ++i < arguments.Length ? arguments[i] : throw new ArgumentException($"{name} has no value; give one after it.");

            int Whole(int min, int max) => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max ? value
                : throw new ArgumentException($"{name} is {arguments[i]}; it must be a whole number from {min} to {max}.");
        }

        return options;
    }

    // A harness that hangs up, floods and sends nonsense is pointed at nobody else.
    static Uri Loopback(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme == Uri.UriSchemeHttp
        && (url.Host == "localhost" || (IPAddress.TryParse(url.Host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address)))
            ? url
            : throw new ArgumentException($"--url is {text}; it must be an http address of this machine, such as http://127.0.0.1:11435.");
}
