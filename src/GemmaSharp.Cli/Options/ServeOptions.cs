using System.CommandLine;
using System.Globalization;
using GemmaSharp.Files;
using GemmaSharp.Server;

namespace GemmaSharp.Cli.Options;

/// <summary>What <c>gemma serve</c> serves, where, and to whom.</summary>
sealed class ServeOptions(GlobalOptions global)
{
    const int MostKeyFileBytes = 1 << 20;

    readonly Option<string[]> _models = new("--model", "-m")
    {
        HelpName = "[NAME=]PATH|ORG/NAME",
        Description = "A checkpoint, with the name that requests call it if another than its own; may be given several times. Default: the demo checkpoint.",
    };

    readonly Option<string[]> _aliases = new("--alias") { HelpName = "NAME", Description = "A further name for the first model; may be given several times." };

    readonly Option<string[]> _adapters = new("--adapter")
    {
        HelpName = "NAME=DIR[=WEIGHT]",
        Description = "A LoRA adapter for the first model, served as MODEL:NAME; several of one name add up.",
    };

    readonly Option<string?> _host = new("--host")
    {
        HelpName = "ADDRESS",
        Description = "The address to listen on; 0.0.0.0 or * for all, which needs a key. Default: 127.0.0.1, this machine alone.",
    };

    readonly Option<int?> _port = Numbers.Whole(
        "--port", "N", $"The port to listen on; 0 for any that is free. Default: {GemmaServer.DefaultPort}.", 0, ushort.MaxValue);

    readonly Option<string[]> _keys = new("--api-key")
    {
        HelpName = "KEY",
        Description = "A key that requests must bear, one of them where there are several. Others can see it in the list of processes; the environment's "
            + "GEMMA_API_KEY and --api-key-file they cannot.",
    };

    readonly Option<string?> _keyFile = new("--api-key-file") { HelpName = "FILE", Description = "A file with keys, one a line." };
    readonly Option<bool> _noAuth = new("--no-auth") { Description = "Let everybody in who can reach the address." };

    readonly Option<string[]> _hosts = new("--allowed-host")
    {
        HelpName = "NAME",
        Description = "A further name of this machine that requests may call it by, such as that of a proxy in front; may be given several times.",
    };

    readonly Option<string[]> _origins = new("--allowed-origin")
    {
        HelpName = "ORIGIN",
        Description = "A further origin whose pages may use the server, such as https://chat.example; may be given several times.",
    };

    readonly Option<string[]> _remote = new("--allow-remote-media")
    {
        HelpName = "HOST",
        Description = "A host that pictures, sound and videos may be fetched from when a request names an address; may be given several times.",
    };

    readonly Option<bool> _video = new("--video") { Description = "Let ffmpeg decode videos and rare sound of requests. Default: no." };
    readonly Option<int?> _maxAnswer = Numbers.Whole("--max-answer", "N", "The most tokens of any answer. Default: what the context holds.", 1);
    readonly Option<int?> _maxActive = Numbers.Whole("--max-active", "N", "Answers that are computed side by side. Default: 32.", 1, 1024);
    readonly Option<int?> _maxQueued = Numbers.Whole("--max-queued", "N", "Requests that may wait; more are refused. Default: 256.", 0, 1_000_000);
    readonly Option<int?> _speculation = SpeculationOption.New();
    readonly Option<int?> _context = Numbers.Whole("--context", "N", "Tokens that prompt and answer may have together. Default: the checkpoint's.", 1);

    readonly CacheTypeOption _cacheType = new();
    readonly Option<long?> _cache = ByteSizes.Option(
        "--cache", "Memory for keys and values of running answers and of earlier prompts, such as 4GiB. Default: a quarter of the machine's.");

    readonly Option<long?> _memory = ByteSizes.Option("--memory", ModelOptions.MemoryDescription);

    readonly Option<long?> _maxBody = ByteSizes.Option("--max-body", "The largest request, such as 16MiB. Default: 64MiB.");

    readonly Option<int?> _drain = Numbers.Whole(
        "--drain", "SECONDS", "How long answers may go on when the server is to stop. Default: 30.", 0, 86_400);

    readonly Option<int?> _store = Numbers.Whole(
        "--store", "N", "Keep the last N answers of /v1/responses for requests that go on from them. Default: none.", 0, 100_000);

    readonly Option<bool> _noPage = new("--no-page") { Description = "Serve no web page." };
    readonly Option<bool> _open = new("--open") { Description = "Open the page in the browser." };
    readonly Option<bool> _check = new("--check") { Description = "Start nothing: ask the server at --host and --port whether it takes requests." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[
            _models, _aliases, _adapters, _host, _port, _keys, _keyFile, _noAuth, _hosts, _origins, _remote, _video, _maxAnswer, _maxActive, _maxQueued,
            _context, _speculation, _cache, _cacheType.Option, _memory, _maxBody, _drain, _store, _noPage, _open, _check])
        {
            command.Add(option);
        }
    }

    /// <summary>The address to listen on.</summary>
    public string Host(ParseResult parse) => parse.GetValue(_host) ?? "127.0.0.1";

    /// <summary>The port to listen on.</summary>
    public int Port(ParseResult parse) => parse.GetValue(_port) ?? GemmaServer.DefaultPort;

    /// <summary>Whether it was said that nobody needs a key.</summary>
    public bool IsWithoutKeys(ParseResult parse) => parse.GetValue(_noAuth);

    /// <summary>Whether the page is to be opened.</summary>
    public bool IsOpened(ParseResult parse) => parse.GetValue(_open);

    /// <summary>Whether a server that runs is to be asked how it is.</summary>
    public bool IsCheck(ParseResult parse) => parse.GetValue(_check);

    /// <summary>All keys: of the options, the file and the environment.</summary>
    /// <exception cref="CliException">There are some and it was said that none is needed, or the file has none.</exception>
    public IReadOnlyList<string> Keys(ParseResult parse, string? environment)
    {
        List<string> keys = [.. parse.GetValue(_keys) ?? []];
        if (parse.GetValue(_keyFile) is string file)
        {
            string[] lines = [.. InputLines(file)];
            keys.AddRange(lines.Length > 0 ? lines : throw CliException.Usage($"--api-key-file {file} has no line with a key; write one a line."));
        }

        if (!string.IsNullOrWhiteSpace(environment))
        {
            keys.Add(environment.Trim());
        }

        if (keys.Exists(string.IsNullOrWhiteSpace))
        {
            throw CliException.Usage("--api-key is empty; give a key, or leave it out.");
        }

        return keys.Count > 0 && IsWithoutKeys(parse)
            ? throw CliException.Usage("--no-auth and a key are given; leave out one of them.")
            : keys;
    }

    /// <summary>Reads the rest into a server's options.</summary>
    public Action<GemmaServerOptions> Reader(ParseResult parse, IReadOnlyList<string> keys)
    {
        GemmaServerModel[] models = [.. Models(parse)];
        if (parse.GetValue(_aliases) is { } aliases && aliases.Any(string.IsNullOrWhiteSpace))
        {
            throw CliException.Usage("--alias is empty; give a name.");
        }

        const long LeastCache = 16 << 20;
        if (parse.GetValue(_cache) is long cache and < LeastCache)
        {
            throw CliException.Usage($"--cache is {cache} bytes, which hardly hold a prompt; give {LeastCache >> 20}MiB or more, or leave it out.");
        }

        return options =>
        {
            AddAll(models, options.Models);
            AddAll(keys, options.ApiKeys);
            AddAll(parse.GetValue(_hosts), options.AllowedHosts);
            AddAll(parse.GetValue(_origins), options.AllowedOrigins);
            AddAll(parse.GetValue(_remote), options.RemoteMediaHosts);
            options.Media = parse.GetValue(_video) ? options.Media with { FfmpegPath = null } : options.Media;
            options.MaxAnswerTokens = parse.GetValue(_maxAnswer);
            options.MaxBodyBytes = parse.GetValue(_maxBody) ?? options.MaxBodyBytes;
            options.StoredResponses = parse.GetValue(_store) ?? options.StoredResponses;
            options.Drain = parse.GetValue(_drain) is int seconds ? TimeSpan.FromSeconds(seconds) : options.Drain;
            options.Page = !parse.GetValue(_noPage);
        };
    }

    IEnumerable<GemmaServerModel> Models(ParseResult parse)
    {
        var defaults = new GemmaModelOptions();
        GemmaModelOptions how = defaults with
        {
            Threads = parse.GetValue(global.Threads),
            ContextLength = parse.GetValue(_context),
            Speculation = parse.GetValue(_speculation),
            MaxActive = parse.GetValue(_maxActive) ?? defaults.MaxActive,
            MaxQueued = parse.GetValue(_maxQueued) ?? defaults.MaxQueued,
            CacheBytes = parse.GetValue(_cache),
            CacheType = _cacheType.Read(parse),
            Memory = parse.GetValue(_memory),
        };
        string?[] names = parse.GetValue(_models) is { Length: > 0 } several ? several : [parse.GetValue(global.Model)!];
        if (how.Memory is not null && names.Length > 1)
        {
            throw CliException.Usage(Output.Show.Text($"--memory is given for {names.Length} models and is for one; serve one, or leave it out."));
        }

        for (int i = 0; i < names.Length; i++)
        {
            (string? id, string? place) = Named(names[i]);
            GemmaModelOptions own = how with
            {
                Projector = (i == 0 ? parse.GetValue(global.Projector) : null) ?? ModelLocator.Projector(place),
                Defaults = ModelLocator.Defaults(place),
            };
            var model = new GemmaServerModel(ModelLocator.Find(place), own) { Id = id ?? ModelLocator.Name(place) };
            if (i == 0)
            {
                AddAll(parse.GetValue(_aliases), model.Aliases);
                foreach (IGrouping<string, AdapterToMerge> adapter in Adapters(parse).GroupBy(adapter => adapter.Name, adapter => adapter.Adapter))
                {
                    model.Adapters.Add(adapter.Key, adapter.ToArray());
                }
            }

            yield return model;
        }
    }

    IEnumerable<(string Name, AdapterToMerge Adapter)> Adapters(ParseResult parse)
    {
        foreach (string text in parse.GetValue(_adapters) ?? [])
        {
            int sign = text.IndexOf('=', StringComparison.Ordinal);
            if (sign <= 0 || sign == text.Length - 1)
            {
                throw CliException.Usage($"--adapter is {text}; give its name and folder, such as --adapter poet=adapters/poet.");
            }

            AdapterArgument adapter = AdapterArgument.Parse(text[(sign + 1)..], _adapters.Name);
            yield return (text[..sign], new AdapterToMerge(adapter.Folder, adapter.Weight));
        }
    }

    /// <summary>A name and a place; a folder that has the whole text as its name has none.</summary>
    static (string? Id, string? Place) Named(string? text)
    {
        int sign = text?.IndexOf('=', StringComparison.Ordinal) ?? -1;
        return sign <= 0 || Path.Exists(text) ? (null, text) : (text![..sign], text[(sign + 1)..]);
    }

    static IEnumerable<string> InputLines(string file)
    {
        byte[]? bytes;
        try
        {
            bytes = BoundedFile.ReadRegular(file, MostKeyFileBytes);
        }
        catch (Exception error) when (BoundedFile.IsRefusal(error))
        {
            throw new CliException(ExitCode.InputRefused, BoundedFile.Unreadable(file, error));
        }

        if (bytes is null)
        {
            throw new CliException(ExitCode.InputRefused, string.Create(
                CultureInfo.InvariantCulture, $"--api-key-file {file} has more than {MostKeyFileBytes} bytes; write one key a line."));
        }

        return System.Text.Encoding.UTF8.GetString(bytes).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(line => !line.StartsWith('#'));
    }

    static void AddAll<T>(IEnumerable<T>? values, ICollection<T> list)
    {
        foreach (T value in values ?? [])
        {
            list.Add(value);
        }
    }
}
