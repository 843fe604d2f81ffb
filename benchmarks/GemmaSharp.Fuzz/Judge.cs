using System.Diagnostics;
using System.Globalization;

namespace GemmaSharp.Fuzz;

/// <summary>Gives inputs to a reader and says what came of each.</summary>
/// <remarks>Time and memory that look too much are measured a second time before they count: machines are loaded, and the first input compiles code.</remarks>
/// <param name="target">Whose inputs they are.</param>
/// <param name="reader">What reads them.</param>
/// <param name="judgesTime">Whether inputs that take long are found, too.</param>
sealed class Judge(FuzzTarget target, IInputReader reader, bool judgesTime)
{
    /// <summary>How long an input may take.</summary>
    public static readonly TimeSpan MostTime = TimeSpan.FromSeconds(2);

    /// <summary>By how much the process may grow for an input.</summary>
    public const long MostMemory = 256L << 20;

    const int MostMessage = 2000;

    /// <summary>Growth of the process that is worth a second look.</summary>
    const long Suspicious = 64L << 20;

    long _peak = PeakMemory.Now();

    /// <summary>The longest time that an input took, as it was judged.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>The most bytes that were allocated for an input.</summary>
    public long MostAllocated { get; private set; }

    /// <summary>Reads one.</summary>
    public Verdict Run(byte[] input)
    {
        (Exception? error, TimeSpan took, long allocated) = Once(input);
        MostAllocated = Math.Max(MostAllocated, allocated);
        if (judgesTime && took > MostTime)
        {
            // What counts is the work that it is, not how many others work here.
            TimeSpan before = Environment.CpuUsage.TotalTime;
            (error, took, allocated) = Once(input);
            TimeSpan worked = Environment.CpuUsage.TotalTime - before;
            if (took > MostTime && worked > MostTime)
            {
                return new Verdict(Outcome.Slow, $"slow-{Kind(error)}", Text($"{took.TotalSeconds:F1} s, {worked.TotalSeconds:F1} s of work; {error}"), 1);
            }

            took = worked < took ? worked : took;
        }

        Longest = took > Longest ? took : Longest;
        if (HasRunOut(error))
        {
            return new Verdict(Outcome.Memory, $"memory-{Site(error!)}", error!.ToString(), 2);
        }

        if (allocated > Suspicious || took > TimeSpan.FromMilliseconds(20))
        {
            long peak = PeakMemory.Now();
            bool isSuspicious = allocated > MostMemory || peak > _peak + Suspicious;
            _peak = Math.Max(_peak, peak);
            if (isSuspicious && PeakMemory.Growth(() => Once(input)) is long growth && growth > MostMemory)
            {
                return new Verdict(Outcome.Memory, $"memory-{Kind(error)}", Text($"grew by {growth >> 20} MB, {allocated >> 20} MB allocated; {error}"), 2);
            }
        }

        return Of(error);
    }

    Verdict Of(Exception? error)
    {
        if (error is null)
        {
            return new Verdict(Outcome.Success, "", "", 0);
        }

        if (!target.IsTyped(error))
        {
            return new Verdict(Outcome.Untyped, $"untyped-{error.GetType().Name}-{Site(error)}", error.ToString(), Hash(error));
        }

        return Fault(error.Message) is string fault
            ? new Verdict(Outcome.Message, $"message-{fault}-{Site(error)}", $"{fault}: {error}", Hash(error))
            : new Verdict(Outcome.Typed, "", error.Message, Hash(error));
    }

    (Exception? Error, TimeSpan Took, long Allocated) Once(byte[] input)
    {
        long allocated = GC.GetTotalAllocatedBytes();
        long start = Stopwatch.GetTimestamp();
        Exception? error = null;
        try
        {
            reader.Read(input);
        }
#pragma warning disable CA1031 // All of them are what is looked for.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = e;
        }

        return (error, Stopwatch.GetElapsedTime(start), GC.GetTotalAllocatedBytes() - allocated);
    }

    static bool HasRunOut(Exception? error)
    {
        for (; error is not null; error = error.InnerException)
        {
            if (error is OutOfMemoryException)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What is wrong with a sentence for a person; null for nothing.</summary>
    public static string? Fault(string message)
    {
        if (string.IsNullOrWhiteSpace(message))
        {
            return "empty";
        }

        if (message.Length > MostMessage)
        {
            return "endless";
        }

        foreach (char character in message)
        {
            if (character is '\n' or '\r' or '\u2028' or '\u2029')
            {
                return "lines";
            }

            if (char.IsControl(character) || character is >= '\u202A' and <= '\u202E' or >= '\u2066' and <= '\u2069')
            {
                return "control";
            }
        }

        return null;
    }

    static string Kind(Exception? error) => error is null ? "success" : error.GetType().Name;

    /// <summary>The library's own method that an exception came through first.</summary>
    static string Site(Exception error)
    {
        if (error is BrokenPromiseException && error.InnerException is null)
        {
            return string.Join('-', error.Message.Split(':', '(')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }

        foreach (StackFrame frame in new StackTrace(error).GetFrames())
        {
            if (frame.GetMethod() is { DeclaringType: Type type } method && type.Namespace?.StartsWith("GemmaSharp", StringComparison.Ordinal) == true
                && type.Namespace.StartsWith("GemmaSharp.Fuzz", StringComparison.Ordinal) == false)
            {
                string name = type.DeclaringType is Type outer && type.Name.Contains('<', StringComparison.Ordinal) ? $"{outer.Name}.{type.Name}" : $"{type.Name}.{method.Name}";
                return new string([.. name.Select(character => char.IsAsciiLetterOrDigit(character) || character == '.' ? character : '_')]);
            }
        }

        return error.InnerException is Exception inner ? Site(inner) : "elsewhere";
    }

    // Numbers and quotations differ with the input, the rest of a sentence with the place.
    static int Hash(Exception error)
    {
        uint hash = 2166136261;
        Add(error.GetType().Name);
        Add(error.Message.AsSpan(0, Math.Min(error.Message.Length, 200)));
        return (int)hash;

        void Add(ReadOnlySpan<char> text)
        {
            bool quoted = false;
            foreach (char character in text)
            {
                quoted ^= character is '"' or '\'' or '`';
                if (!quoted && char.IsAsciiLetter(character))
                {
                    hash = (hash ^ character) * 16777619;
                }
            }
        }
    }

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Memory of the process.</summary>
static class PeakMemory
{
    const string Status = "/proc/self/status", Reset = "/proc/self/clear_refs";

    /// <summary>The most that was resident; where the system says so since the last <see cref="Growth"/>.</summary>
    public static long Now()
    {
        if (Read("VmHWM:"u8) is long peak)
        {
            return peak;
        }

        using Process process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    /// <summary>By how much the process grew while something was done.</summary>
    public static long Growth(Action work)
    {
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            File.WriteAllText(Reset, "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Elsewhere the peak of the whole process has to do.
        }

        long before = Read("VmRSS:"u8) ?? Now();
        work();
        return Now() - before;
    }

    static long? Read(ReadOnlySpan<byte> name)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        Span<byte> text = stackalloc byte[4096];
        using var stream = new FileStream(Status, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        text = text[..stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false)];
        int at = text.IndexOf(name);
        if (at < 0)
        {
            return null;
        }

        long kilobytes = 0;
        foreach (byte b in text[(at + name.Length)..])
        {
            if (b == '\n')
            {
                break;
            }

            kilobytes = b is >= (byte)'0' and <= (byte)'9' ? (10 * kilobytes) + (b - '0') : kilobytes;
        }

        return kilobytes << 10;
    }
}
