using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Generation;
using GemmaSharp.Prompting;

namespace GemmaSharp.Forecast;

/// <summary>Chooses what can be chosen so that a model keeps to a limit of memory, or says why it cannot.</summary>
/// <remarks>
/// Tried in this order: the whole context with the largest steps and pictures; a shorter context; smaller steps; smaller pictures. A context of
/// <see cref="GoodContext"/> tokens is worth smaller steps and pictures, a longer one is not.
/// </remarks>
sealed class MemoryPlanner(MemoryForecast forecast, Gemma3nConfig config, long runtimeBytes)
{
    /// <summary>A context that smaller steps and pictures are a fair price for.</summary>
    const int GoodContext = 8192;

    /// <summary>The shortest context worth loading a model for.</summary>
    const int LeastContext = 512;

    /// <summary>Of the limit, one part in so many is left over for what is measured and not counted.</summary>
    const int Reserve = 50;

    static readonly int[] s_contexts = [2048, LeastContext];
    static readonly int[] s_rows = [StepBudget.MaxRows, 256, 128, 64];
    static readonly int?[] s_sides = [512, 256];

    /// <summary>What is taken whatever is chosen.</summary>
    long Fixed { get; } = runtimeBytes + RuntimeMemory.Compiled + Sum(forecast.Text) + Sum(forecast.Vision) + Sum(forecast.Audio);

    /// <summary>The estimate of a checkpoint that is opened for its headers only.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="processor">How pictures and sound are prepared.</param>
    /// <param name="options">What is given.</param>
    /// <param name="defaultCacheBytes">What answers outside sessions may hold where nothing is given.</param>
    /// <exception cref="CheckpointException">The checkpoint could not be loaded.</exception>
    /// <exception cref="MemoryLimitException">It does not fit.</exception>
    public static MemoryEstimate Estimate(Checkpoint checkpoint, ProcessorConfig processor, GemmaModelOptions options, long defaultCacheBytes)
    {
        using var forecast = new MemoryForecast(
            checkpoint, processor, options.Vision, options.Audio, options.Threads ?? Environment.ProcessorCount, options.CacheType,
            options.Speculation ?? GenerationOptions.MaxSpeculation);
        var planner = new MemoryPlanner(forecast, checkpoint.Config, RuntimeMemory.Of(checkpoint));
        return options.Memory is long limit ? planner.Fit(options, limit) : planner.Plain(options, defaultCacheBytes);
    }

    /// <summary>The most tokens of a conversation that are asked for or possible.</summary>
    int Wish(GemmaModelOptions options) =>
        Math.Min(options.ContextLength ?? options.Defaults?.ContextLength ?? int.MaxValue, config.TextConfig.MaxPositionEmbeddings);

    /// <summary>Nothing is chosen.</summary>
    MemoryEstimate Plain(GemmaModelOptions options, long defaultCacheBytes)
    {
        int context = Wish(options);
        var choice = new Choice(StepBudget.MaxRows, options.ImageSize, options.MaxActive);
        return New(choice, context, forecast.Step(choice.Rows, 1, context), options.CacheBytes ?? defaultCacheBytes, PromptEncoder.DefaultCacheBytes, null);
    }

    MemoryEstimate Fit(GemmaModelOptions options, long given)
    {
        long limit = given - given / Reserve;
        int wish = Wish(options);
        int good = Math.Min(wish, GoodContext);
        int[] goals = options.ContextLength is null ? [good, .. s_contexts.Where(goal => goal < good)] : [wish];
        int?[] sides = options.ImageSize is null && forecast.Sees ? [null, .. s_sides.Where(side => side < forecast.Side)] : [options.ImageSize];
        foreach (int goal in goals)
        {
            foreach (int? side in sides)
            {
                foreach (int rows in s_rows)
                {
                    if (TryFit(options, limit, new Choice(rows, side, options.MaxActive), goal, wish) is MemoryEstimate estimate)
                    {
                        return estimate with { Memory = given };
                    }
                }
            }
        }

        throw Refusal(options, given, New(new Choice(s_rows[^1], sides[^1], 1), goals[^1]));
    }

    /// <summary>The longest context that fits with a choice, if it is as long as is wanted.</summary>
    MemoryEstimate? TryFit(GemmaModelOptions options, long limit, Choice choice, int goal, int wish)
    {
        // More answers at once cost a row of logits each, and are worth a quarter of what is left.
        long free = limit - Least(choice with { MaxActive = 1 }, goal);
        while (choice.MaxActive > 1 && Least(choice, goal) - Least(choice with { MaxActive = 1 }, goal) > Math.Max(0, free) / 4)
        {
            choice = choice with { MaxActive = choice.MaxActive / 2 };
        }

        long Left(int context) => limit - Least(choice, context) - Math.Max(0, (options.CacheBytes ?? 0) - forecast.Conversation(context, choice.Rows));
        if (Left(goal) < 0)
        {
            return null;
        }

        // By halving: more tokens never take less.
        (int fits, int most) = (goal, wish);
        while (fits < most)
        {
            int middle = (int)(((long)fits + most + 1) / 2);
            (fits, most) = Left(middle) >= 0 ? (middle, most) : (fits, middle - 1);
        }

        long conversation = forecast.Conversation(fits, choice.Rows), left = Left(fits);
        long encoded = Encoded(left);
        long cache = options.CacheBytes is long given ? Math.Max(given, conversation) : conversation + left - (encoded - forecast.Encoding);
        return New(choice, fits, forecast.Step(choice.Rows, choice.MaxActive, fits), cache, encoded, limit);
    }

    /// <summary>Of what is left, what may be kept of encoded pictures and sound, where there are any.</summary>
    long Encoded(long left) => forecast.Encoding == 0 ? 0 : Math.Min(PromptEncoder.DefaultCacheBytes, forecast.Encoding + left / 4);

    /// <summary>The least bytes of a choice with a conversation of so many tokens.</summary>
    long Least(Choice choice, int context) =>
        Fixed + forecast.Step(choice.Rows, choice.MaxActive, context) + Tower(choice) + forecast.Encoding + forecast.Conversation(context, choice.Rows);

    long Tower(Choice choice) => Math.Max(forecast.Picture(choice.Side), forecast.Sound());

    MemoryEstimate New(Choice choice, int context) => New(
        choice, context, forecast.Step(choice.Rows, choice.MaxActive, context), forecast.Conversation(context, choice.Rows), forecast.Encoding, 0);

    MemoryEstimate New(Choice choice, int context, long scratch, long cache, long encoded, long? limit)
    {
        WeightMemory all = forecast.Text + forecast.Vision + forecast.Audio;
        return new MemoryEstimate
        {
            PackedBytes = all.Packed,
            MappedBytes = forecast.Text.Read,
            CopiedBytes = all.Copied,
            RuntimeBytes = runtimeBytes,
            CompiledBytes = RuntimeMemory.Compiled,
            ScratchBytes = scratch,
            ConversationBytes = forecast.Conversation(context, choice.Rows),
            VisionBytes = forecast.Vision.Read,
            PictureBytes = forecast.Picture(choice.Side),
            AudioBytes = forecast.Audio.Read,
            SoundBytes = forecast.Sound(),
            EncodedBytes = encoded,
            CacheBytes = cache,
            ContextLength = context,
            StepRows = choice.Rows,
            MaxActive = choice.MaxActive,
            ImageSize = choice.Side,
            Memory = limit,
        };
    }

    static MemoryLimitException Refusal(GemmaModelOptions options, long limit, MemoryEstimate least)
    {
        bool hasTowers = least.VisionBytes + least.PictureBytes + least.AudioBytes + least.SoundBytes > 0;
        long weights = least.PackedBytes + least.MappedBytes + least.CopiedBytes + least.VisionBytes + least.AudioBytes;
        long needed = (least.TotalBytes * Reserve / (Reserve - 1)) + 1;
        return new MemoryLimitException(
            $"The model takes at least {Mega(needed)} (weights {Mega(weights)}, runtime {Mega(least.RuntimeBytes + least.CompiledBytes)}, "
                + $"steps {Mega(least.ScratchBytes)}, encoding {Mega(Math.Max(least.PictureBytes, least.SoundBytes))}, "
                + FormattableString.Invariant($"{least.ContextLength:N0} tokens {Mega(least.ConversationBytes)}) and was given {Mega(limit)}; ")
                + $"give it more (--memory){(options.ContextLength is null ? "" : ", a shorter context")}"
                + $"{(hasTowers ? ", leave out its towers (--no-vision, --no-audio)" : "")}, or use a smaller or more quantised checkpoint.",
            needed, limit);
    }

    static string Mega(long bytes) => FormattableString.Invariant($"{(bytes + (1 << 20) - 1) >> 20:N0} MiB");

    static long Sum(WeightMemory weights) => weights.Packed + weights.Read + weights.Copied;

    /// <summary>What can be chosen besides the context.</summary>
    /// <param name="Rows">Rows of a step.</param>
    /// <param name="Side">Side of pictures; null for the checkpoint's own.</param>
    /// <param name="MaxActive">Answers at once.</param>
    readonly record struct Choice(int Rows, int? Side, int MaxActive);
}
