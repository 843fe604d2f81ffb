using System.Diagnostics;

namespace GemmaSharp.Generation;

/// <summary>When an answer did what, in ticks of <see cref="Stopwatch"/>; 0 for what it never did.</summary>
struct AnswerTimes
{
    readonly DateTime _startTime;

    /// <summary>Begins to note, on the thread of the one who asks: what it is doing is what the answer is a part of.</summary>
    public AnswerTimes(string model)
    {
        Model = model;
        Parent = Activity.Current?.Context ?? default;
        Start = Stopwatch.GetTimestamp();
        _startTime = DateTime.UtcNow;
    }

    /// <summary>The model's name.</summary>
    public string Model { get; }

    /// <summary>What the answer is a part of.</summary>
    public ActivityContext Parent { get; }

    /// <summary>The request came.</summary>
    public long Start { get; }

    /// <summary>It left the queue.</summary>
    public long Begun { get; set; }

    /// <summary>Whether its prompt holds pictures or sound.</summary>
    public bool HasMedia { get; set; }

    /// <summary>Its pictures and sound were encoded.</summary>
    public long Encoded { get; set; }

    /// <summary>Its prompt had gone through the model.</summary>
    public long Prefilled { get; set; }

    /// <summary>It was over.</summary>
    public long Ended { get; set; }

    /// <summary>Time from the request to a moment.</summary>
    public readonly TimeSpan At(long ticks) => Stopwatch.GetElapsedTime(Start, ticks);

    /// <summary>A moment as a time of day.</summary>
    public readonly DateTime Clock(long ticks) => _startTime + At(ticks);
}
