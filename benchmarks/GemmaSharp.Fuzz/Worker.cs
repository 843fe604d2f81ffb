namespace GemmaSharp.Fuzz;

/// <summary>The process that reads.</summary>
static class Worker
{
    public static void Run(FuzzOptions options)
    {
        FuzzTarget target = TargetList.Find(options.Targets[0]);
        bool replays = options.Replay is not null;
        using var progress = FuzzProgress.Open(Path.Combine(options.Folder, replays ? "suspect.progress" : "progress.bin"), options.Seed);
        using var loop = new FuzzLoop(target, new BranchMap(), progress, replays ? null : options.Folder);
        if (replays)
        {
            byte[] input = File.ReadAllBytes(options.Replay!);
            loop.Begin();
            Verdict verdict = loop.Try(input);
            progress[verdict.Outcome]++;
        }
        else
        {
            loop.Begin();
            loop.Run(options.Inputs, options.Time);
        }

        progress.IsDone = true;
    }

    /// <summary>Reads one input for whoever wants to see what comes of it.</summary>
    public static Verdict Replay(FuzzOptions options)
    {
        FuzzTarget target = TargetList.Find(options.Targets[0]);
        using var progress = FuzzProgress.InMemory(options.Seed);
        using var loop = new FuzzLoop(target, new BranchMap(), progress, null);
        return loop.Try(File.ReadAllBytes(options.Replay!));
    }
}
