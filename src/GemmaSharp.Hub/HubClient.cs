using System.Diagnostics;
using System.Reflection;
using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Download;
using GemmaSharp.Hub.Protocol;
using GemmaSharp.Hub.Selection;

namespace GemmaSharp.Hub;

/// <summary>Downloads repositories into the cache: the door of this library.</summary>
/// <remarks>
/// The cache is the one of the hub's own tools, whatever language they are written in: what one has downloaded the other finds. A file gets its name only when
/// it is complete and its checksum is right; what arrives before an interruption, even a kill, is gone on from the next time. Any number of clients and
/// processes
/// may pull at once. Thread-safe. Source of protocol and layout: huggingface_hub.
/// </remarks>
public sealed partial class HubClient : IDisposable
{
    const double GiB = 1L << 30;

    readonly HubOptions _options;
    readonly string? _offline;
    readonly HubConnection? _connection;
    readonly bool? _links;

    /// <summary>Creates a client.</summary>
    /// <param name="options">Which hub, as whom; null for what the environment says.</param>
    /// <exception cref="HubException">The endpoint or the token cannot be used.</exception>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public HubClient(HubOptions? options = null)
    {
        _options = options ?? new HubOptions();
        _options.Validate();
        HubMachine machine = _options.Machine;
        Cache = new HubCache(_options);
        _offline = _options.Offline is bool said ? (said ? "The option Offline" : null) : HubEnvironment.Offline(machine.Variable);
        _links = _options.Symlinks ?? (HubEnvironment.WithoutSymlinks(machine.Variable) ? false : null);
        if (_offline is null)
        {
            _connection = new HubConnection(_options, HubEnvironment.Endpoint(_options.Endpoint, BuiltInEndpoint, machine.Variable),
                HubEnvironment.Token(_options.Token, machine.Variable));
        }
    }

    /// <summary>The cache that is downloaded into.</summary>
    public HubCache Cache { get; }

    /// <summary>Whether no request is sent, so that only the cache answers.</summary>
    public bool IsOffline => _connection is null;

    static string? BuiltInEndpoint { get; } =
        typeof(HubClient).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(each => each.Key == "HubEndpoint")?.Value;

    /// <summary>Asks the hub which files pulling a repository means and how much of them is missing. Downloads nothing.</summary>
    /// <param name="reference">The repository.</param>
    /// <param name="options">Which files; null for those of a checkpoint, or of a form of GGUF with its projector.</param>
    /// <param name="progress">Told when something waits; null for nobody.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="HubException">The hub cannot be reached or refuses, or has no such files.</exception>
    public async Task<PullPlan> PlanAsync(
        HubReference reference, PullOptions? options = null, IProgress<PullProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        options ??= new PullOptions();
        var api = new HubApi(
            RequireConnection(reference), (reason, time) => progress?.Report(new PullProgress(PullPhase.Asking, 0, 0, 0, null, [], reason, time)));
        string commit = await api.CommitAsync(reference, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<HubFile> all = await api.FilesAsync(reference, commit, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<HubFile> chosen = FileSelection.Choose(reference, all, options.Include, options.Exclude);
        var folder = new RepositoryFolder(Cache.Folder, reference.Id);
        var writer = new SnapshotWriter(folder, commit, links: true, _options.Machine);
        return new PullPlan(reference, commit, [.. chosen.Select(file => writer.Existing(file) is not null
            ? new PlannedFile(file, true, 0)
            : new PlannedFile(file, false, File.Exists(folder.Partial(file.ETag)) ? Journal.DoneOf(folder.Journal(file.ETag), file) : 0))],
            folder.Snapshot(commit))
        { All = all };
    }

    /// <summary>Downloads what is missing of a repository's files.</summary>
    /// <param name="reference">The repository.</param>
    /// <param name="options">Which files; null for those of a checkpoint, or of a form of GGUF with its projector.</param>
    /// <param name="progress">Told a few times a second how far it is, on any thread; null for nobody.</param>
    /// <param name="cancellationToken">Ends it; what has arrived stays for the next time.</param>
    /// <returns>Where the files are. In offline mode what the cache has, when that is whole.</returns>
    /// <exception cref="HubException">The hub cannot be reached or refuses, has no such files, sends others than it names, or the disk is full.</exception>
    public async Task<PullResult> PullAsync(
        HubReference reference, PullOptions? options = null, IProgress<PullProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reference);
        return _connection is null
            ? FromCache(reference)
            : await PullAsync(await PlanAsync(reference, options, progress, cancellationToken).ConfigureAwait(false), options, progress, cancellationToken)
                .ConfigureAwait(false);
    }

    /// <summary>Downloads what a plan says, of the commit that it names, whatever has been committed since.</summary>
    /// <inheritdoc cref="PullAsync(HubReference, PullOptions?, IProgress{PullProgress}?, CancellationToken)"/>
    /// <param name="plan">The plan.</param>
    /// <param name="options">The options it was made with.</param>
    /// <param name="progress">Told a few times a second how far it is, on any thread; null for nobody.</param>
    /// <param name="cancellationToken">Ends it; what has arrived stays for the next time.</param>
    public async Task<PullResult> PullAsync(
        PullPlan plan, PullOptions? options = null, IProgress<PullProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        RequireConnection(plan.Reference);
        long start = Stopwatch.GetTimestamp();
        var folder = new RepositoryFolder(Cache.Folder, plan.Reference.Id);
        var watch = new PullWatch(plan, progress);
        try
        {
            string revision = plan.Reference.Revision ?? HubReference.DefaultRevision;
            if (options?.Repair != true
                && new SnapshotWriter(folder, plan.Commit, links: true, _options.Machine).IsFinished(revision, plan.Files.Select(file => file.File)))
            {
                return Result(plan, watch, start);
            }

            SnapshotWriter writer = Begin(folder, plan);
            HashSet<string> damaged = options?.Repair == true
                ? await DamagedAsync(writer, plan, watch, cancellationToken).ConfigureAwait(false) : new(StringComparer.Ordinal);
            RequireRoom(plan, damaged);
            await DownloadAsync(folder, writer, plan, damaged, watch, cancellationToken).ConfigureAwait(false);
            writer.Finish(revision);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Of(Cache.Folder, e);
        }

        return Result(plan, watch, start);
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _connection?.Dispose();

    static PullResult Result(PullPlan plan, PullWatch watch, long start)
    {
        watch.Finish();
        IReadOnlyList<HubFile> files = [.. plan.Files.Select(file => file.File)];
        string path = HubCache.ModelPath(plan.Folder, plan.Reference.Variant, files.Select(file => file.Path));
        return new PullResult(plan.Reference, plan.Commit, plan.Folder, path, files,
            watch.Received, Stopwatch.GetElapsedTime(start));
    }

    HubConnection RequireConnection(HubReference reference) => _connection ?? throw new HubException(
        HubFailure.Offline, $"{reference.Id} cannot be asked for: {_offline} says that no request may be sent; unset it.");

    PullResult FromCache(HubReference reference)
    {
        string path = Cache.Find(reference) ?? Cache.FindAdapter(reference) ?? throw new HubException(HubFailure.Offline,
            $"{reference} is not whole in the cache {Cache.Folder}, and {_offline} says that no request may be sent; unset it to download it.");
        var folder = new RepositoryFolder(Cache.Folder, reference.Id);
        string commit = Path.GetRelativePath(folder.Snapshots, path).Split(Path.DirectorySeparatorChar)[0];
        return new PullResult(reference, commit, folder.Snapshot(commit), path, [], 0, TimeSpan.Zero);
    }

    SnapshotWriter Begin(RepositoryFolder folder, PullPlan plan)
    {
        Directory.CreateDirectory(Cache.Folder);
        bool links = _links ?? SnapshotWriter.HasLinks(Cache.Folder, _options.Machine);
        var writer = new SnapshotWriter(folder, plan.Commit, links, _options.Machine);
        writer.Begin();
        TreeFile.Write(folder.Tree(plan.Commit), plan.All);
        return writer;
    }

    // Said before anything is downloaded, with both numbers.
    void RequireRoom(PullPlan plan, HashSet<string> damaged)
    {
        long missing = plan.MissingBytes
            + plan.Files.Where(file => damaged.Contains(file.File.ETag)).DistinctBy(file => file.File.ETag).Sum(file => file.File.Size);
        long free = missing > 0 ? _options.Machine.FreeBytes(Cache.Folder) : 0;
        if (missing > 0 && free < missing + _options.Machine.SpareBytes)
        {
            throw new HubException(HubFailure.DiskFull, FormattableString.Invariant(
                $"{plan.Reference} needs {missing / GiB:0.00} GiB and {_options.Machine.SpareBytes / GiB:0.0} GiB to spare, and ")
                + FormattableString.Invariant($"the disk of {Cache.Folder} has {free / GiB:0.00} GiB free; ")
                + "free some space, or set HF_HUB_CACHE to a folder on another disk.");
        }
    }

    static async Task<HashSet<string>> DamagedAsync(SnapshotWriter writer, PullPlan plan, IDownloadWatch watch, CancellationToken cancellationToken)
    {
        var damaged = new HashSet<string>(StringComparer.Ordinal);
        foreach (HubFile file in plan.Files.Select(file => file.File))
        {
            if (writer.Existing(file) is string path)
            {
                watch.Checking(file);
                if (await BlobHash.OfFileAsync(path, file.ETag, null, cancellationToken).ConfigureAwait(false) != file.ETag)
                {
                    damaged.Add(file.ETag);
                }

                watch.Completed(file);
            }
        }

        return damaged;
    }

    async Task DownloadAsync(
        RepositoryFolder folder, SnapshotWriter writer, PullPlan plan, HashSet<string> damaged, IDownloadWatch watch, CancellationToken cancellationToken)
    {
        var api = new HubApi(_connection!, null);
        using var slots = new SemaphoreSlim(_options.MaxConnections);
        IGrouping<string, HubFile>[] contents = [.. plan.Files.Select(file => file.File).GroupBy(file => file.ETag)
            .OrderBy(group => group.First().Size)];

        // Small files first: a model's settings are there to look at while its weights arrive.
        await Parallel.ForEachAsync(contents, new ParallelOptions { MaxDegreeOfParallelism = _options.MaxConnections, CancellationToken = cancellationToken },
            async (content, stop) =>
            {
                HubFile[] files = [.. content];
                HubFile file = files[0];
                bool isDamaged = damaged.Contains(file.ETag);
                if (!isDamaged && files.All(each => writer.Existing(each) is not null) && files.All(each => writer.Add(each, isNew: false)))
                {
                    return;
                }

                var download = new BlobDownload(_connection!, folder, plan.Reference, api.FileAddress(plan.Reference, plan.Commit, file.Path), file, _options,
                    slots, watch);
                await download.RunAsync(isDamaged, () => files.All(each => writer.Existing(each) is not null), () =>
                {
                    // The last of several names may have the file itself, where there are no links.
                    for (int i = 0; i < files.Length; i++)
                    {
                        writer.Add(files[i], isNew: i == files.Length - 1);
                    }
                }, stop).ConfigureAwait(false);
            }).ConfigureAwait(false);
    }
}
