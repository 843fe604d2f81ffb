using System.Text.Json;
using CsCheck;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class SafetensorsWriterTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Finish_AnyTensors_ReadBackEqual() =>
        Gen.Select(Gen.Int[0, 15].Select(i => (ElementType)i), Gen.Long[0, 5].Array[0, 4]).Array[0, 6].Sample(shapes =>
        {
            TinyTensor[] tensors = [.. shapes.Select((s, i) => new TinyTensor($"t{i}.\"ü\\", s.Item1, s.Item2, Bytes(s.Item1, s.Item2, i)))];
            string path = _folder["round.safetensors"];
            TinyCheckpoint.WriteFile(path, tensors);
            using SafetensorsFile file = SafetensorsFile.Open(path);
            Assert.Equal("pt", file.Metadata["format"]);
            Assert.Equal(tensors.Length, file.Entries.Count);
            foreach (TinyTensor tensor in tensors)
            {
                TensorData data = file.Tensor(tensor.Name);
                Assert.Equal(tensor.Type, data.Type);
                Assert.Equal(tensor.Shape, data.Shape);
                Assert.Equal(tensor.Bytes, data.Block.Read(data.Offset, tensor.Bytes.Length).ToArray());
            }
        }, iter: 200, threads: 1);

    [Fact]
    public void Write_TensorInPieces_IsTheSame()
    {
        string path = _folder["pieces.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [new("a", ElementType.U8, [3]), new("b", ElementType.U8, [2])]))
        {
            writer.Write("a", [1]);
            writer.Write("a", [2, 3]);
            writer.Write("b", [4, 5]);
            writer.Finish();
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal([1, 2, 3], file.Tensor("a").Block.Read(file.Tensor("a").Offset, 3).ToArray());
        Assert.Equal(0, file.Tensor("a").Offset % 64);
    }

    [Fact]
    public void Write_WrongTensorOrTooMuch_IsRefused()
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(_folder["x.safetensors"], [new("a", ElementType.U8, [3])]);
        Assert.Contains("a is due", Assert.Throws<ArgumentException>(() => writer.Write("b", [1])).Message, StringComparison.Ordinal);
        Assert.Contains("3 are left", Assert.Throws<ArgumentException>(() => writer.Write("a", [1, 2, 3, 4])).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(writer.Finish);
    }

    [Fact]
    public void Create_NameTwice_IsRefused() =>
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(_folder["x.safetensors"], [new("a", ElementType.U8, [3]), new("a", ElementType.U8, [3])]));

    [Fact]
    public void Dispose_Unfinished_LeavesNothingAndKeepsTheOldFile()
    {
        string path = _folder["x.safetensors"];
        File.WriteAllText(path, "old");
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [new("a", ElementType.U8, [3])]))
        {
            writer.Write("a", [1]);
        }

        Assert.Equal(["x.safetensors"], Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName));
        Assert.Equal("old", File.ReadAllText(path));
    }

    [Fact]
    public void Create_FolderMissing_IsTyped()
    {
        var e = Assert.Throws<CheckpointWriteException>(() => SafetensorsWriter.Create(Path.Combine(_folder.Path, "none", "x.safetensors"), []));
        Assert.Contains("cannot be written", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_DiskFull_IsTypedAndLeavesNothing()
    {
        string path = _folder["x.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [new("a", ElementType.U8, [3000])], null, name => new SmallDisk(name, 2000)))
        {
            writer.Write("a", new byte[1000]);
            var e = Assert.Throws<CheckpointWriteException>(() => writer.Write("a", new byte[2000]));
            Assert.Equal(path, e.Path);
            Assert.Contains("No space left", e.Message, StringComparison.Ordinal);
        }

        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    sealed class SmallDisk(string path, long size) : FileStream(path, FileMode.CreateNew, FileAccess.Write)
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Position + buffer.Length > size)
            {
                throw new IOException("No space left on device");
            }

            base.Write(buffer);
        }
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(10, 3)]
    [InlineData(1000, 1)]
    public void Plan_ShardBytes_CutsBetweenTensors(long shardBytes, int files)
    {
        TensorDeclaration[] tensors = [.. Enumerable.Range(0, 5).Select(i => new TensorDeclaration($"t{i}", ElementType.U8, [5]))];
        var plan = ShardedSafetensorsWriter.Plan(tensors, shardBytes);
        Assert.Equal(files, plan.Count);
        Assert.Equal(tensors, plan.SelectMany(shard => shard.Tensors));
        Assert.Equal(files == 1 ? "model.safetensors" : $"model-00001-of-{files:00000}.safetensors", plan[0].File);
    }

    [Fact]
    public void Finish_SeveralShards_OpenAsOneCheckpoint()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateEmpty("tiny-c");
        List<TinyTensor> tensors = TinyCheckpoint.Tensors("tiny-c");
        long total = tensors.Sum(t => (long)t.Bytes.Length);
        using (ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(tiny.Folder, [.. tensors.Select(t => new TensorDeclaration(t.Name, t.Type, t.Shape))], shardBytes: total / 3))
        {
            tensors.ForEach(t => writer.Write(t.Name, t.Bytes));
            Assert.Empty(Directory.EnumerateFiles(tiny.Folder, "*.safetensors"));
            writer.Finish();
        }

        using JsonDocument index = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(tiny.Folder, "model.safetensors.index.json")));
        Assert.Equal(total, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        using Checkpoint checkpoint = Checkpoint.Open(tiny.Folder);
        Assert.InRange(checkpoint.Files.Count, 3, 4);
        Assert.Equal(tensors.Select(t => t.Name).Order(StringComparer.Ordinal), checkpoint.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(checkpoint.Report().Findings, f => f.Kind == FindingKind.Duplicate);
        Assert.Empty(Directory.EnumerateFiles(tiny.Folder, "*.partial"));
    }

    static byte[] Bytes(ElementType type, long[] shape, int seed)
    {
        byte[] bytes = new byte[shape.Aggregate((long)type.SizeInBytes(), (size, axis) => size * axis)];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
