using System.Diagnostics;
using System.Globalization;

namespace GemmaSharp.Fuzz;

/// <summary>Runs a reader in a process of its own and watches it: for death, for inputs that do not end, and for memory.</summary>
/// <param name="program">The program's assembly, instrumented or not.</param>
/// <param name="options">The run.</param>
sealed class Watcher(string program, FuzzOptions options)
{
    /// <summary>What the worker's heap may have: its own, and what an input may take.</summary>
    const long MostHeap = 384L << 20;

    /// <summary>What the whole process may have, beyond which it is ended.</summary>
    const long MostResident = 3L << 30;

    /// <summary>After how long an input is ended that the worker has not come back from, if it works at it. It judges shorter times by itself.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>After how long it is ended in any case: it waits, or others leave it no time.</summary>
    static readonly TimeSpan s_mostPatience = TimeSpan.FromMinutes(1);

    /// <summary>Runs a reader to the end of its inputs or its time, with as many processes as that takes.</summary>
    /// <returns>Where it stands then; the caller disposes of it.</returns>
    public FuzzProgress Run(FuzzTarget target)
    {
        string folder = Path.Combine(Path.GetFullPath(options.Folder), target.Name);
        if (!options.Resume && Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        var progress = FuzzProgress.Open(Path.Combine(folder, "progress.bin"), options.Seed);
        progress.IsDone = false;
        progress.Leave();
        var findings = new FindingFolder(Path.Combine(folder, "findings"));
        long start = Stopwatch.GetTimestamp();
        for (int barren = 0; barren < 3 && !progress.IsDone;)
        {
            TimeSpan left = options.Time - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || progress.Next >= options.Inputs)
            {
                break;
            }

            long before = progress.Next;
            Outcome? ended = Watch(target, progress, left, folder);
            if (ended == Outcome.Crash && progress.Started == 0)
            {
                throw new InvalidOperationException($"The reader {target.Name} ended without an input; what it wrote says why.");
            }

            if (ended is Outcome outcome)
            {
                byte[] input = progress.Input();
                Verdict verdict = Alone(target, folder, input, outcome);
                progress[verdict.Outcome]++;
                progress.Next++;
                if (verdict.IsFinding)
                {
                    findings.Add(verdict, input);
                }
            }

            // One that dies before its first input would do so for ever.
            barren = progress.Next > before + 1 ? 0 : barren + 1;
        }

        return progress;
    }

    /// <summary>Picks the most telling inputs of a run's corpus.</summary>
    public void Distill(FuzzTarget target, string destination)
    {
        using Process worker = Start(
            "worker", "--target", target.Name, "--folder", Path.Combine(Path.GetFullPath(options.Folder), target.Name), "--distill", Path.GetFullPath(destination));
        worker.WaitForExit();
    }

    /// <summary>One process; null when it came to its end.</summary>
    Outcome? Watch(FuzzTarget target, FuzzProgress progress, TimeSpan left, string folder)
    {
        using Process worker = Start(
            "worker", "--target", target.Name, "--folder", folder, "--inputs", Text(options.Inputs), "--seconds", Text((long)Math.Clamp(Math.Ceiling(left.TotalSeconds), 1, 1_000_000)));
        var clock = new InputClock(worker);
        while (!worker.WaitForExit(100))
        {
            (TimeSpan lasts, TimeSpan works) = clock.Look(progress);
            bool hangs = (lasts > s_patience && works > s_patience / 2) || lasts > s_mostPatience;
            if (hangs || Resident(worker) > MostResident)
            {
                worker.Kill(entireProcessTree: true);
                worker.WaitForExit();
                return hangs ? Outcome.Hang : Outcome.Memory;
            }
        }

        return progress.IsDone ? null : Outcome.Crash;
    }

    /// <summary>An input that ended a process, once more in a process of its own.</summary>
    Verdict Alone(FuzzTarget target, string folder, byte[] input, Outcome suspected)
    {
        string file = Path.Combine(folder, "suspect.bin");
        File.WriteAllBytes(file, input);
        using var progress = FuzzProgress.Open(Path.Combine(folder, "suspect.progress"), options.Seed);
        progress.IsDone = false;
        progress.Leave();
        foreach (Outcome outcome in Enum.GetValues<Outcome>())
        {
            progress[outcome] = 0;
        }

        using Process worker = Start("worker", "--target", target.Name, "--folder", folder, "--replay", file);
        var clock = new InputClock(worker);
        while (!worker.WaitForExit(50))
        {
            if (Resident(worker) > MostResident)
            {
                worker.Kill(entireProcessTree: true);
                return new Verdict(Outcome.Memory, "memory-process", "the process grew beyond 3 GB", 0);
            }

            (TimeSpan lasts, TimeSpan works) = clock.Look(progress);
            if (works > s_patience || lasts > s_mostPatience)
            {
                worker.Kill(entireProcessTree: true);
                return new Verdict(Outcome.Hang, "hang", "it does not end", 0);
            }
        }

        if (!progress.IsDone)
        {
            return new Verdict(Outcome.Crash, "crash", string.Create(CultureInfo.InvariantCulture, $"exit code {worker.ExitCode}"), 0);
        }

        if (suspected == Outcome.Crash)
        {
            return new Verdict(Outcome.Crash, "crash-not-repeated", "the process died at this input, and not when it was tried alone", 0);
        }

        Outcome found = Enum.GetValues<Outcome>().First(outcome => progress[outcome] > 0);
        return new Verdict(found, found > Outcome.Typed ? $"{found}-alone" : "", "as seen when it was tried alone", 0);
    }

    /// <summary>Memory of a process; none of one that has just ended.</summary>
    static long Resident(Process process)
    {
        try
        {
            process.Refresh();
            return process.WorkingSet64;
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is string host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet") { UseShellExecute = false };
        start.ArgumentList.Add(program);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_GCHeapHardLimit"] = MostHeap.ToString("X", CultureInfo.InvariantCulture);
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return Process.Start(start)!;
    }

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>How long the input lasts that a worker is at, and how much of that it worked.</summary>
    sealed class InputClock(Process worker)
    {
        long _started;
        TimeSpan _before;

        public (TimeSpan Lasts, TimeSpan Works) Look(FuzzProgress progress)
        {
            long started = progress.Started;
            TimeSpan worked = Worked();
            if (started != _started)
            {
                (_started, _before) = (started, worked);
            }

            return started == 0 ? default : (TimeSpan.FromMilliseconds(Environment.TickCount64 - started), worked - _before);
        }

        TimeSpan Worked()
        {
            try
            {
                worker.Refresh();
                return worker.TotalProcessorTime;
            }
            catch (InvalidOperationException)
            {
                return _before;
            }
        }
    }
}
