namespace GemmaSharp.Extensions.AI;

/// <summary>Where a client has its model from. Thread-safe.</summary>
abstract class ModelSource : IDisposable
{
    /// <summary>What the model is called; known before it is loaded.</summary>
    public abstract string Name { get; }

    /// <summary>The model, where it is loaded.</summary>
    public abstract GemmaModel? Loaded { get; }

    /// <summary>The model, loaded if need be.</summary>
    public abstract ValueTask<GemmaModel> GetAsync(CancellationToken cancellationToken);

    /// <summary>Disposes of the model where it is this source's own.</summary>
    public virtual void Dispose()
    {
    }
}

/// <summary>A model that somebody has loaded.</summary>
sealed class LoadedModel(GemmaModel model, bool leaveOpen) : ModelSource
{
    public override string Name => model.Name;

    public override GemmaModel? Loaded => model;

    public override ValueTask<GemmaModel> GetAsync(CancellationToken cancellationToken) => new(model);

    public override void Dispose()
    {
        if (!leaveOpen)
        {
            model.Dispose();
        }

        base.Dispose();
    }
}

/// <summary>Somebody else's source, which outlives this.</summary>
sealed class BorrowedModel(ModelSource source) : ModelSource
{
    public override string Name => source.Name;

    public override GemmaModel? Loaded => source.Loaded;

    public override ValueTask<GemmaModel> GetAsync(CancellationToken cancellationToken) => source.GetAsync(cancellationToken);
}
