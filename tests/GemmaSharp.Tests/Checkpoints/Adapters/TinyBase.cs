using GemmaSharp.Checkpoints;
using GemmaSharp.Model;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>The modules of tiny-c, built once for a class of tests.</summary>
public sealed class TinyBase : IDisposable
{
    readonly TinyCheckpoint _files = TinyCheckpoint.Create("tiny-c");

    public TinyBase()
    {
        Checkpoint = Checkpoint.Open(_files.Folder, new CheckpointOptions { HeadersOnly = true });
        ModelParts.Build(Checkpoint.Root, Checkpoint.Config);
    }

    internal Checkpoint Checkpoint { get; }

    public void Dispose()
    {
        Checkpoint.Dispose();
        _files.Dispose();
    }
}
