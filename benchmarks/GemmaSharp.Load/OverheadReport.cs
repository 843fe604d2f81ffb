using System.Text.Json;

namespace GemmaSharp.Load;

/// <summary>One round of streams.</summary>
/// <param name="TokensPerSecond">Of all streams together.</param>
/// <param name="ProcessorMicroseconds">Time of processors for each token, the model's computing included.</param>
sealed record OverheadRound(double TokensPerSecond, double ProcessorMicroseconds);

/// <summary>What was measured, and what it comes to.</summary>
sealed class OverheadReport
{
    static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public List<OverheadRound> Library { get; } = [];

    public List<OverheadRound> Server { get; } = [];

    /// <summary>What reading cost the client for each token.</summary>
    public List<double> ClientMicroseconds { get; } = [];

    /// <summary>Milliseconds to the first token.</summary>
    public List<double> LibraryFirst { get; } = [];

    /// <summary>Milliseconds to the first event.</summary>
    public List<double> ServerFirst { get; } = [];

    /// <summary>Time of processors that the server adds to each token.</summary>
    public double OverheadMicrosecondsPerToken => Median(Server.Select(round => round.ProcessorMicroseconds)) - Median(Library.Select(round => round.ProcessorMicroseconds));

    /// <summary>Of the library's tokens a second, those that the server gives.</summary>
    public double ShareOfThroughput => Median(Server.Select(round => round.TokensPerSecond)) / Median(Library.Select(round => round.TokensPerSecond));

    /// <summary>What the server adds to the wait for the first token of a prompt that is known.</summary>
    public double FirstMillisecondsAdded => Median(ServerFirst) - Median(LibraryFirst);

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            OverheadMicrosecondsPerToken,
            ShareOfThroughput,
            FirstMillisecondsAdded,
            LibraryTokensPerSecond = Median(Library.Select(round => round.TokensPerSecond)),
            ServerTokensPerSecond = Median(Server.Select(round => round.TokensPerSecond)),
            LibraryFirstMilliseconds = Median(LibraryFirst),
            ServerFirstMilliseconds = Median(ServerFirst),
            ClientMicrosecondsPerToken = Median(ClientMicroseconds),
            Library,
            Server,
        },
        s_json);

    static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
    }
}
