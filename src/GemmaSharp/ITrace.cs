namespace GemmaSharp;

/// <summary>Receives the intermediate results of a forward pass by the reference's module paths.</summary>
/// <remarks>Passed as <c>ITrace?</c>: <see langword="null"/> means no tracing and costs nothing. Called from the thread that runs the pass.</remarks>
public interface ITrace
{
    /// <summary>Whether <see cref="Record"/> should be called for <paramref name="name"/>; when not, the caller skips any extra work.</summary>
    /// <param name="name">Module path without the leading <c>model.</c>: <c>language_model.layers.3.self_attn</c>.</param>
    bool Wants(string name);

    /// <summary>Takes a result, or a part of one that is too large for one span. The values are only valid during the call.</summary>
    /// <param name="name">Module path.</param>
    /// <param name="shape">The whole result's shape as the reference has it, outermost axis first.</param>
    /// <param name="start">Where the values begin in the whole, in C order: 0, and then where the part before ended. Parts of other results may come in
    /// between.</param>
    /// <param name="values">The values in C order.</param>
    void Record(string name, ReadOnlySpan<long> shape, long start, ReadOnlySpan<float> values);

    /// <summary>Takes token ids, the one kind of tensor that is not float32.</summary>
    /// <param name="name"><c>input.input_ids</c></param>
    /// <param name="shape">The reference's shape.</param>
    /// <param name="ids">The ids in C order.</param>
    void RecordIds(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> ids);
}
