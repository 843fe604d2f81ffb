namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma serve --check</c>: asks a server on this machine how it is, for containers that have no program to do so.</summary>
static class HealthCheck
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <summary>Asks.</summary>
    /// <param name="host">What the server listens on; every address stands for this machine.</param>
    /// <param name="port">Its port.</param>
    /// <param name="console">Where to say why not.</param>
    /// <returns>Done when it takes requests, failed otherwise.</returns>
    public static async Task<int> RunAsync(string host, int port, CliConsole console)
    {
        string name = host is "0.0.0.0" or "*" or "+" or "::" or "[::]" ? "127.0.0.1" : host;
        var address = new UriBuilder("http", name, port, "/health");
        try
        {
            using var handler = new SocketsHttpHandler { UseProxy = false };
            using var client = new HttpClient(handler) { Timeout = s_patience };
            using HttpResponseMessage response = await client.GetAsync(address.Uri).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                return ExitCode.Done;
            }

            console.Notice($"gemma: the server at {address.Uri} answers {(int)response.StatusCode}; it is loading, or about to stop");
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            console.Notice($"gemma: no server answers at {address.Uri}; is it running there?");
        }

        return ExitCode.Failed;
    }
}
