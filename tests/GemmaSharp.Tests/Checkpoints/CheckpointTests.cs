using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class CheckpointTests
{
    [Theory]
    [InlineData("tiny-a", 863, 4)]
    [InlineData("tiny-b", 350, 1)]
    [InlineData("tiny-c", 760, 1)]
    public void Open_TinyCheckpoint_ListsEveryTensorByCanonicalName(string name, int tensors, int files)
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create(name);
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.Equal(tensors, checkpoint.Tensors.Count);
        Assert.Equal(files, checkpoint.Files.Count);
        Assert.All(checkpoint.Tensors, t => Assert.Equal(t.Name, TensorNames.HuggingFace(t.CanonicalName)));
        Assert.Contains(checkpoint.Tensors, t => t.CanonicalName == "language_model.layers.0.self_attn.q_proj.weight");
    }
}
