namespace GemmaSharp.Layers;

/// <summary>Lets model code name its intermediates without asking whether there is a trace; without one nothing is computed or allocated.</summary>
static class TraceExtensions
{
    /// <summary>Records a tensor if there is a trace and it wants it.</summary>
    public static void Capture(this ITrace? trace, string name, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        if (trace is not null && trace.Wants(name))
        {
            trace.Record(name, shape, 0, values);
        }
    }

    /// <summary>The same with a name in two parts.</summary>
    public static void Capture(this ITrace? trace, string path, string suffix, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        if (trace is not null)
        {
            trace.Capture(path + suffix, shape, values);
        }
    }

    /// <summary>The same for an item of a list.</summary>
    public static void Capture(this ITrace? trace, string path, int index, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        if (trace is not null)
        {
            trace.Capture($"{path}{index}", shape, values);
        }
    }
}
