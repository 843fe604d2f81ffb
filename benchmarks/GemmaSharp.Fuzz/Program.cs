using GemmaSharp.Fuzz;

// Gives every reader of the product inputs that are changes of good ones, led by the branches they take, each reader in a process that is watched.
// Prints a table; ends with 1 where an input broke a promise. docs/fuzzing.md says how to run it and what was found.
FuzzOptions options;
IReadOnlyList<FuzzTarget> targets;
try
{
    options = FuzzOptions.Parse(args);
    targets = options.Targets.Count == 0 ? TargetList.All : [.. options.Targets.Select(TargetList.Find)];
}
catch (ArgumentException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 2;
}

if (options.List)
{
    Console.WriteLine(string.Join('\n', targets.Select(target => target.Name)));
    return 0;
}

if (options.Seeds)
{
    foreach (FuzzTarget target in targets)
    {
        using var loop = new FuzzLoop(target, new BranchMap(), FuzzProgress.InMemory(options.Seed), null);
        foreach (Verdict verdict in target.Seeds().Select(loop.Try))
        {
            Console.WriteLine($"{target.Name}: {verdict.Outcome} {verdict.Detail}");
        }
    }

    return 0;
}

if (options.IsWorker)
{
    if (options.Distill is string destination)
    {
        Distillation.Run(targets[0], options.Folder, destination);
    }
    else
    {
        Worker.Run(options);
    }

    return 0;
}

if (options.Replay is not null)
{
    Verdict verdict = Worker.Replay(options);
    Console.WriteLine($"{verdict.Outcome}: {verdict.Detail}");
    return verdict.IsFinding ? 1 : 0;
}

string program = options.Plain ? typeof(FuzzTable).Assembly.Location : Instrumentation.Make(Path.Combine(Path.GetFullPath(options.Folder), "instrumented"));
var watcher = new Watcher(program, options);
if (options.Distill is not null)
{
    foreach (FuzzTarget target in targets)
    {
        watcher.Distill(target, options.Distill);
    }

    return 0;
}

var table = new FuzzTable();
foreach (FuzzTarget target in targets)
{
    using FuzzProgress progress = watcher.Run(target);
    table.Add(target, progress);
    await Console.Error.WriteLineAsync($"{target.Name}: {progress.Total} inputs");
}

Console.Write(table.ToMarkdown());
if (options.Json is string file)
{
    await File.WriteAllTextAsync(file, table.ToJson());
}

return table.Findings == 0 ? 0 : 1;
