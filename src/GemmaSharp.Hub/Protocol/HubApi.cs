using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;
using GemmaSharp.Files;

namespace GemmaSharp.Hub.Protocol;

/// <summary>What the hub says about a repository: which commit a revision is, and its files.</summary>
/// <param name="connection">Who is asked.</param>
/// <param name="waiting">Told why and how long is waited before another attempt; null for nobody.</param>
sealed partial class HubApi(HubConnection connection, Action<string, TimeSpan>? waiting)
{
    const long MostBytes = 64L << 20;
    const int MostPages = 1000;
    const int MostFiles = 100_000;

    /// <summary>The commit of a revision.</summary>
    /// <exception cref="HubException">There is none, or it is not for us.</exception>
    public async Task<string> CommitAsync(HubReference reference, CancellationToken cancellationToken)
    {
        string revision = Uri.EscapeDataString(reference.Revision ?? HubReference.DefaultRevision);
        using JsonDocument answer = await InformAsync(connection.Address($"api/models/{reference.Id}/revision/{revision}"), reference, cancellationToken)
            .ConfigureAwait(false);
        JsonElement root = answer.RootElement;
        return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("sha", out JsonElement sha) && sha.ValueKind == JsonValueKind.String
            && HubReference.IsCommit(sha.GetString())
            ? sha.GetString()!
            : throw HubErrors.NotAHub(connection, $"what it says about {reference.Id} names no commit");
    }

    async Task<JsonDocument> InformAsync(Uri address, HubReference reference, CancellationToken cancellationToken)
    {
        try
        {
            return (await AskAsync(address, reference, cancellationToken).ConfigureAwait(false)).Json;
        }
        catch (HubException e) when (e.Failure == HubFailure.NoSuchRevision)
        {
            throw HubErrors.NoSuchRevision(connection, reference, await RevisionsAsync(reference, cancellationToken).ConfigureAwait(false));
        }
    }

    /// <summary>Branches and tags, those that begin alike first; none when they cannot be had, since that is no error of its own.</summary>
    async Task<IReadOnlyList<string>> RevisionsAsync(HubReference reference, CancellationToken cancellationToken)
    {
        try
        {
            using JsonDocument refs = (await AskAsync(connection.Address($"api/models/{reference.Id}/refs"), reference,
                cancellationToken).ConfigureAwait(false)).Json;
            return [.. ((string[])["branches", "tags"])
                .SelectMany(kind => refs.RootElement.ValueKind == JsonValueKind.Object && refs.RootElement.TryGetProperty(kind, out JsonElement list)
                    && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Select(each => Text(each, "name")).ToArray() : [])
                .OfType<string>().Where(name => HubReference.TryParse("x/y@" + name, out _))
                .OrderByDescending(name => name.AsSpan().CommonPrefixLength(reference.Revision)).ThenBy(name => name, StringComparer.Ordinal)];
        }
        catch (HubException)
        {
            return [];
        }
    }

    /// <summary>All files of a commit, in the order of their paths.</summary>
    /// <exception cref="HubException">They cannot be listed, or one has a path that is none or no checksum.</exception>
    public async Task<IReadOnlyList<HubFile>> FilesAsync(HubReference reference, string commit, CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, HubFile>(StringComparer.Ordinal);
        Uri? page = connection.Address($"api/models/{reference.Id}/tree/{commit}?recursive=true");
        for (int i = 0; page is not null; i++)
        {
            (JsonDocument json, Uri? next) = await AskAsync(page, reference, cancellationToken).ConfigureAwait(false);
            using (json)
            {
                if (json.RootElement.ValueKind != JsonValueKind.Array)
                {
                    throw HubErrors.NotAHub(connection, $"its list of the files of {reference.Id} is none");
                }

                foreach (JsonElement entry in json.RootElement.EnumerateArray())
                {
                    if (ReadFile(entry, reference.Id) is HubFile file)
                    {
                        files[file.Path] = file;
                    }
                }
            }

            if (files.Count > MostFiles || i >= MostPages)
            {
                throw HubErrors.NotAHub(connection, $"its list of the files of {reference.Id} does not end");
            }

            page = next;
        }

        return [.. files.Values.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <summary>Where a file is asked for.</summary>
    public Uri FileAddress(HubReference reference, string commit, string path) =>
        connection.Address($"{reference.Id}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    HubFile? ReadFile(JsonElement entry, string id)
    {
        if (Text(entry, "type") != "file")
        {
            return null;
        }

        string? path = Text(entry, "path"), oid = Text(entry, "oid");
        long size = Number(entry, "size");
        if (path is null || SafePath.Problem(path) is string problem)
        {
            throw HubErrors.NotAHub(connection, $"{id} has a file \"{path}\", which {(path is null ? "has no name" : SafePath.Problem(path))}");
        }

        string? sha256 = null;
        if (entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object)
        {
            (sha256, size) = (Text(lfs, "oid"), Number(lfs, "size"));
            if (sha256 is null || !Sha256Form().IsMatch(sha256))
            {
                throw HubErrors.NotAHub(connection, $"{path} of {id} has no checksum, without which nothing is downloaded");
            }
        }

        return size < 0 || oid is null || !HubReference.IsCommit(oid)
            ? throw HubErrors.NotAHub(connection, $"{path} of {id} has no {(size < 0 ? "length" : "checksum, without which nothing is downloaded")}")
            : new HubFile(path, size, oid, sha256) { XetHash = Text(entry, "xetHash") };
    }

    async Task<(JsonDocument Json, Uri? Next)> AskAsync(Uri address, HubReference reference, CancellationToken cancellationToken) =>
        await new Attempts(connection, $"The list of {reference.Id}", waiting).RunAsync(async () =>
        {
            (HttpResponseMessage response, Uri from) = await connection.GetAsync(address, null, cancellationToken).ConfigureAwait(false);
            using (response)
            {
                if ((int)response.StatusCode is < 200 or >= 300)
                {
                    throw HubErrors.Of(connection, reference, null, response);
                }

                byte[] bytes = await ReadAllAsync(response, cancellationToken).ConfigureAwait(false);
                try
                {
                    return (JsonDocument.Parse(bytes), Next(response, from));
                }
                catch (JsonException e)
                {
                    throw HubErrors.NotAHub(connection, $"what it says about {reference.Id} is no JSON", e);
                }
            }
        }, cancellationToken).ConfigureAwait(false);

    async Task<byte[]> ReadAllAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            using var memory = new MemoryStream();
            byte[] buffer = new byte[1 << 16];
            for (int count; (count = await connection.ReadAsync(body, buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            {
                memory.Write(buffer, 0, count);
                RequireBounded(memory.Length);
            }

            // Asked not to, some edges compress all the same.
            memory.Position = 0;
            if (!response.Content.Headers.ContentEncoding.Contains("gzip"))
            {
                return memory.ToArray();
            }

            using var plain = new GZipStream(memory, CompressionMode.Decompress);
            try
            {
                byte[]? bytes = BoundedFile.ReadAll(plain, MostBytes);
                RequireBounded(bytes is null ? long.MaxValue : 0);
                return bytes!;
            }
            catch (InvalidDataException e)
            {
                throw new TransientException("a compressed answer that is damaged", innerException: e);
            }
        }
    }

    void RequireBounded(long bytes)
    {
        if (bytes > MostBytes)
        {
            throw HubErrors.NotAHub(connection, $"an answer has more than {MostBytes >> 20} MiB");
        }
    }

    // Mirrors pass on the hub's own addresses: what is below one's address is below the other's.
    Uri? Next(HttpResponseMessage response, Uri from)
    {
        if (!response.Headers.TryGetValues("Link", out IEnumerable<string>? links)
            || NextLink().Match(string.Join(',', links)) is not { Success: true } match || !Uri.TryCreate(from, match.Groups[1].Value, out Uri? next))
        {
            return null;
        }

        int api = next.PathAndQuery.IndexOf("/api/", StringComparison.Ordinal);
        return connection.IsOwn(next) ? next : api < 0 ? null : connection.Address(next.PathAndQuery[(api + 1)..]);
    }

    static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    static long Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : -1;

    [GeneratedRegex(@"<([^>]+)>\s*;\s*rel=""?next""?", RegexOptions.CultureInvariant)]
    private static partial Regex NextLink();

    [GeneratedRegex(@"\A[0-9a-f]{64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Sha256Form();
}
