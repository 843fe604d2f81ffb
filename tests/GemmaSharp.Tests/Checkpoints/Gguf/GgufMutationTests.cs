using CsCheck;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Gguf;

/// <summary>Whatever happens to the bytes of a file, opening it succeeds or is refused with a typed error, in little memory.</summary>
public sealed class GgufMutationTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_BytesChanged_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.Byte).List[1, 8].Sample(changes =>
        {
            byte[] file = GgufBytes.Sound().ToArray();
            foreach ((int at, byte value) in changes)
            {
                file[4 + at % (file.Length - 4)] = value;
            }

            OpenAndRead(file);
        }, iter: 3000, threads: 1);

    [Fact]
    public void Open_NumbersExchanged_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.ULong, Gen.Int[0, 63]).List[1, 3].Sample(changes =>
        {
            byte[] file = GgufBytes.Sound().ToArray();
            foreach ((int at, ulong value, int shift) in changes)
            {
                GgufBytes.Long(value >> shift).CopyTo(file, 4 + at % (file.Length - 12));
            }

            OpenAndRead(file);
        }, iter: 3000, threads: 1);

    [Fact]
    public void Open_Truncated_NeverFailsUntyped()
    {
        byte[] file = GgufBytes.Sound().ToArray();
        for (int length = 0; length <= file.Length; length++)
        {
            OpenAndRead(file[..length]);
        }
    }

    [Fact]
    public void Load_BytesOfAModelsFrontChanged_NeverFailsUntyped()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        string path = _folder["m.gguf"];
        GgufFiles.Write(tiny.Folder, path, "q8_0");
        byte[] sound = File.ReadAllBytes(path);
        int front = GgufFiles.FirstByte(path);
        Gen.Select(Gen.Int[8, front - 1], Gen.Byte).List[1, 4].Sample(changes =>
        {
            byte[] file = [.. sound];
            foreach ((int at, byte value) in changes)
            {
                file[at] = value;
            }

            File.WriteAllBytes(path, file);
            try
            {
                using Checkpoint checkpoint = Checkpoint.Open(path, new CheckpointOptions { HeadersOnly = true });
                TinyCheckpoint.Report(checkpoint);
                _ = checkpoint.LoadTokenizer();
                _ = checkpoint.LoadGenerationDefaults();
                _ = checkpoint.LoadProcessor();
            }
            catch (GemmaException)
            {
                // Refused in its own words.
            }
        }, iter: 150, threads: 1);
    }

    void OpenAndRead(byte[] bytes)
    {
        string path = _folder["x.gguf"];
        File.WriteAllBytes(path, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using GgufFile file = GgufFile.Open(path);
            foreach (TensorEntry entry in file.Entries)
            {
                GemmaSharp.Numerics.Memory.TensorData data = file.Tensor(entry);
                _ = data.Block.Read(data.Offset, (int)entry.Length);
            }
        }
        catch (GgufException)
        {
            // Refused in its own words.
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }
}
