using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Hub.Tests.FakeHub;

/// <summary>
/// A hub on this machine, which speaks the protocol as huggingface_hub knows it: commits, listings in pages, redirections to signed addresses on another
/// host (another port here), entity tags, headers of LFS and Xet, ranges, and every refusal. Faults are asked for request by request.
/// </summary>
sealed class FakeHubServer : IAsyncDisposable
{
    readonly WebApplication _hub;
    readonly WebApplication _store;
    readonly ConcurrentDictionary<string, (FakeFile File, int Uses)> _signed = new(StringComparer.Ordinal);
    int _signatures;

    FakeHubServer()
    {
        _hub = Build(HubAsync);
        _store = Build(StoreAsync);
    }

    /// <summary>The hub's address.</summary>
    public Uri Endpoint { get; private set; } = null!;

    /// <summary>The address of the host that has the large files.</summary>
    public Uri Store { get; private set; } = null!;

    public ConcurrentDictionary<string, FakeRepository> Repositories { get; } = new(StringComparer.Ordinal);

    /// <summary>Old names of repositories, which lead to the new ones.</summary>
    public ConcurrentDictionary<string, string> Renamed { get; } = new(StringComparer.Ordinal);

    /// <summary>Tokens, and whether their accounts have accepted licences.</summary>
    public ConcurrentDictionary<string, bool> Tokens { get; } = new(StringComparer.Ordinal);

    /// <summary>Every request, in the order in which they came.</summary>
    public ConcurrentQueue<FakeRequest> Requests { get; } = new();

    /// <summary>Does something else than answering, for requests that a test chooses; true when it has answered.</summary>
    public Func<FakeRequest, HttpContext, Task<bool>>? Fault { get; set; }

    /// <summary>How often a signed address may be used.</summary>
    public int UsesOfSignature { get; set; } = int.MaxValue;

    /// <summary>Entries of one page of a listing.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Whether large files lie on the other host.</summary>
    public bool Redirects { get; set; } = true;

    /// <summary>Whether parts of files are given.</summary>
    public bool Ranges { get; set; } = true;

    /// <summary>A path that the hub lies below, as of mirrors that have others beside it; without a slash at its end.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>Another address of the hub in the links of pages, as mirrors pass them on.</summary>
    public string? LinkOrigin { get; set; }

    public static async Task<FakeHubServer> StartAsync()
    {
        var server = new FakeHubServer();
        await server._hub.StartAsync(TestContext.Current.CancellationToken);
        await server._store.StartAsync(TestContext.Current.CancellationToken);
        server.Endpoint = Address(server._hub);
        server.Store = Address(server._store);
        return server;
    }

    /// <summary>A repository with files.</summary>
    public FakeRepository Add(string id, params FakeFile[] files)
    {
        var repository = new FakeRepository(id);
        repository.Commit(files);
        Repositories[id] = repository;
        return repository;
    }

    /// <summary>Requests for files, on either host.</summary>
    public FakeRequest[] FileRequests => [.. Requests.Where(request => request.IsStore || request.Path.Contains("/resolve/", StringComparison.Ordinal))];

    public async ValueTask DisposeAsync()
    {
        await _hub.StopAsync(new CancellationToken(canceled: true));
        await _store.StopAsync(new CancellationToken(canceled: true));
        await _hub.DisposeAsync();
        await _store.DisposeAsync();
    }

    static Uri Address(WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    static WebApplication Build(RequestDelegate answer)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(options => options.AddServerHeader = false);
        WebApplication app = builder.Build();
        app.Run(answer);
        return app;
    }

    async Task<FakeRequest?> BeginAsync(HttpContext context, bool isStore)
    {
        string path = context.Request.Path.Value!;
        if (!isStore)
        {
            Assert.StartsWith(Prefix + "/", path, StringComparison.Ordinal);
            path = path[Prefix.Length..];
        }

        var request = new FakeRequest(Requests.Count, isStore, path, context.Request.QueryString.Value ?? "", context.Request.Headers.Range.ToString(),
            context.Request.Headers.Authorization.ToString(), context.Request.Headers.UserAgent.ToString(), context.Request.Headers.AcceptEncoding.ToString());
        Requests.Enqueue(request);
        return Fault is not null && await Fault(request, context) ? null : request;
    }

    async Task HubAsync(HttpContext context)
    {
        if (await BeginAsync(context, isStore: false) is not FakeRequest request)
        {
            return;
        }

        // The framework has unescaped all but slashes.
        string[] parts = [.. request.Path.TrimStart('/').Split('/').Select(Uri.UnescapeDataString)];
        bool api = parts.Length > 4 && parts[0] == "api" && parts[1] == "models";
        if (!api && !(parts.Length > 4 && parts[2] == "resolve"))
        {
            context.Response.StatusCode = 404;
            return;
        }

        string id = api ? $"{parts[2]}/{parts[3]}" : $"{parts[0]}/{parts[1]}";
        if (Renamed.TryGetValue(id, out string? newer))
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = (request.Path + request.Query).Replace(id, newer, StringComparison.Ordinal);
            return;
        }

        if (api && parts[4] == "refs" && Repositories.TryGetValue(id, out FakeRepository? named))
        {
            await JsonAsync(context, new { branches = named.Refs.Select(each => new { name = each.Key, targetCommit = each.Value }), tags = Array.Empty<object>() });
            return;
        }

        string revision = api ? parts[5] : parts[3];
        if (!Allow(context, id, revision, request.Authorization, out FakeRepository? repository, out (string Commit, IReadOnlyDictionary<string, FakeFile> Files) at))
        {
            return;
        }

        if (api)
        {
            await (parts[4] switch
            {
                "tree" => TreeAsync(context, at.Files, request),
                "paths-info" => PathsAsync(context, at.Commit, at.Files),
                _ => InformAsync(context, repository!, at.Commit),
            });
        }
        else
        {
            await ResolveAsync(context, at.Commit, at.Files, string.Join('/', parts[4..]), request);
        }
    }

    bool Allow(HttpContext context, string id, string revision, string authorization, out FakeRepository? repository,
        out (string Commit, IReadOnlyDictionary<string, FakeFile> Files) at)
    {
        at = default;
        string? token = authorization.StartsWith("Bearer ", StringComparison.Ordinal) ? authorization["Bearer ".Length..] : null;
        bool isAccepted = token is not null && Tokens.GetValueOrDefault(token);
        repository = Repositories.GetValueOrDefault(id);
        bool resolve = context.Request.Path.Value!.Contains("/resolve/", StringComparison.Ordinal);
        (int Status, string Code, string Message)? refusal =
            token is not null && !Tokens.ContainsKey(token) ? (401, "", "Invalid credentials in Authorization header")
            : repository is null || (repository.IsPrivate && token is null) ? (token is null ? 401 : 404, "RepoNotFound", "Repository not found")
            : repository.IsDisabled ? (403, "", "Access to this resource is disabled.")
            : repository.IsGated && resolve && !isAccepted ? (token is null ? 401 : 403, "GatedRepo", $"Access to model {id} is restricted.")
            : repository.At(revision) is null ? (404, "RevisionNotFound", $"Invalid rev id: {revision}")
            : null;
        if (refusal is (int status, string code, string message))
        {
            context.Response.StatusCode = status;
            context.Response.Headers["X-Error-Message"] = message;
            if (code.Length > 0)
            {
                context.Response.Headers["X-Error-Code"] = code;
            }

            return false;
        }

        at = repository!.At(revision)!.Value;
        return true;
    }

    static Task InformAsync(HttpContext context, FakeRepository repository, string commit) => JsonAsync(context, new
    {
        id = repository.Id,
        sha = commit,
        @private = repository.IsPrivate,
        gated = repository.IsGated ? "manual" : (object)false,
        disabled = repository.IsDisabled,
        siblings = repository.At(commit)!.Value.Files.Keys.Select(path => new { rfilename = path }),
    });

    Task TreeAsync(HttpContext context, IReadOnlyDictionary<string, FakeFile> files, FakeRequest request)
    {
        int from = int.TryParse(context.Request.Query["cursor"], NumberStyles.None, CultureInfo.InvariantCulture, out int cursor) ? cursor : 0;
        object[] entries =
        [
            .. files.Keys.Where(path => path.Contains('/', StringComparison.Ordinal)).Select(path => path[..path.LastIndexOf('/')]).Distinct()
                .Select(path => (object)new { type = "directory", oid = new string('d', 40), size = 0, path }),
            .. files.Values.Select(file => Entry(file, null)),
        ];
        if (from + PageSize < entries.Length)
        {
            string next = string.Create(CultureInfo.InvariantCulture,
                $"{LinkOrigin ?? Endpoint.GetLeftPart(UriPartial.Authority) + Prefix}{request.Path}?recursive=true&cursor={from + PageSize}");
            context.Response.Headers.Link = $"<{next}>; rel=\"next\"";
        }

        return JsonAsync(context, entries.Skip(from).Take(PageSize));
    }

    // Nothing of ours asks for this; the hub's own clients do.
    static async Task PathsAsync(HttpContext context, string commit, IReadOnlyDictionary<string, FakeFile> files)
    {
        using JsonDocument question = await JsonDocument.ParseAsync(context.Request.Body);
        await JsonAsync(context, question.RootElement.GetProperty("paths").EnumerateArray().Select(path => files.GetValueOrDefault(path.GetString()!)).OfType<FakeFile>()
            .Select(file => Entry(file, commit)));
    }

    static object Entry(FakeFile file, string? commit)
    {
        object? last = commit is null ? null : new { id = commit, title = "x", date = "2026-01-01T00:00:00.000Z" };
        return file.IsLarge
            ? new
            {
                type = "file",
                oid = file.Oid,
                size = file.Content.Length,
                path = file.Path,
                xetHash = file.Sha256,
                lfs = new { oid = file.Sha256, size = file.Content.Length, pointerSize = file.PointerSize },
                lastCommit = last,
            }
            : new { type = "file", oid = file.Oid, size = file.Content.Length, path = file.Path, lastCommit = last };
    }

    async Task ResolveAsync(HttpContext context, string commit, IReadOnlyDictionary<string, FakeFile> files, string path, FakeRequest request)
    {
        context.Response.Headers["X-Repo-Commit"] = commit;
        if (!files.TryGetValue(path, out FakeFile? file))
        {
            context.Response.StatusCode = 404;
            context.Response.Headers["X-Error-Code"] = "EntryNotFound";
            context.Response.Headers["X-Error-Message"] = "Entry not found";
            return;
        }

        context.Response.Headers.AcceptRanges = "bytes";
        if (!file.IsLarge || !Redirects)
        {
            context.Response.Headers.ETag = $"\"{file.ETag}\"";
            await SendAsync(context, file, request.Range);
            return;
        }

        string signature = string.Create(CultureInfo.InvariantCulture, $"{Interlocked.Increment(ref _signatures)}");
        _signed[signature] = (file, 0);
        context.Response.StatusCode = 302;
        context.Response.Headers["X-Linked-Size"] = file.Content.Length.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["X-Linked-Etag"] = $"\"{file.Sha256}\"";
        context.Response.Headers["X-Xet-Hash"] = file.Sha256;
        context.Response.Headers.Link = $"<{Endpoint}api/models/x/xet-read-token/{commit}>; rel=\"xet-auth\", <{Endpoint}xet>; rel=\"xet-reconstruction-info\"";
        context.Response.Headers.ETag = "\"of the redirection\"";
        context.Response.Headers.Location = new Uri(Store, $"xet-bridge/{file.Sha256}?Signature={signature}").AbsoluteUri;
    }

    async Task StoreAsync(HttpContext context)
    {
        if (await BeginAsync(context, isStore: true) is not FakeRequest request)
        {
            return;
        }

        string signature = context.Request.Query["Signature"].ToString();
        if (!_signed.TryGetValue(signature, out (FakeFile File, int Uses) signed) || signed.Uses >= UsesOfSignature)
        {
            context.Response.StatusCode = 403;
            await context.Response.WriteAsync("<Error><Code>AccessDenied</Code></Error>");
            return;
        }

        _signed[signature] = (signed.File, signed.Uses + 1);
        context.Response.Headers.ETag = "\"of the store\"";
        await SendAsync(context, signed.File, request.Range);
    }

    /// <summary>Sends a file, or the part that is asked for.</summary>
    public async Task SendAsync(HttpContext context, FakeFile file, string range)
    {
        (int from, int to) = (0, file.Content.Length);
        if (Ranges && range.StartsWith("bytes=", StringComparison.Ordinal))
        {
            string[] ends = range["bytes=".Length..].Split('-');
            from = int.Parse(ends[0], CultureInfo.InvariantCulture);
            if (from >= file.Content.Length)
            {
                context.Response.StatusCode = 416;
                context.Response.Headers.ContentRange = $"bytes */{file.Content.Length}";
                return;
            }

            to = ends[1].Length == 0 ? to : Math.Min(to, int.Parse(ends[1], CultureInfo.InvariantCulture) + 1);
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to - 1}/{file.Content.Length}");
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = to - from;
        await context.Response.Body.WriteAsync(file.Content.AsMemory(from, to - from));
    }

    static async Task JsonAsync(HttpContext context, object value)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(JsonSerializer.Serialize(value));
    }
}

/// <summary>A request as it came.</summary>
sealed record FakeRequest(int Number, bool IsStore, string Path, string Query, string Range, string Authorization, string UserAgent, string AcceptEncoding);
