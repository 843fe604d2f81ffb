using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;
using static GemmaSharp.Tests.Checkpoints.Gguf.GgufBytes;

namespace GemmaSharp.Tests.Checkpoints.Gguf;

/// <summary>The container: what is read, and that everything else is refused in one sentence.</summary>
public sealed class GgufFileTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2u)]
    [InlineData(3u)]
    public void Versions_2And3_AreRead(uint version)
    {
        GgufBytes bytes = new GgufBytes { Version = version }.Text("general.architecture", "gemma3n").Value("f", 6, Int(0x3F800000)).Value("t", 7, [1])
            .Value("u8", 0, [200]).Value("i8", 1, [200]).Value("u64", 10, Long(ulong.MaxValue)).Value("i64", 11, Long(unchecked((ulong)-5)))
            .Value("f64", 12, Long(0x3FF8000000000000)).Value("u16", 2, [1, 2]).Value("i16", 3, [0xFF, 0xFF]).Value("i32", 5, Int(unchecked((uint)-7)))
            .List("shorts", 3, 2, [1, 0, 0xFF, 0xFF]).List("flags", 7, 2, [1, 0]).Texts("texts", "▁a", "", "b")
            .Tensor("x", [4, 3, 2], 30, 0).Tensor("y", [256, 2], 12, 64);
        using GgufFile file = Open(bytes.ToArray(64 + 288));
        GgufMetadata keys = file.Metadata;
        Assert.Equal(version, file.Version);
        Assert.Equal("gemma3n", keys.Text("general.architecture"));
        Assert.Equal([1.0, 1.5, 200, -56, 513, -1, -7, -5, ulong.MaxValue],
            ((string[])["f", "f64", "u8", "i8", "u16", "i16", "i32", "i64", "u64"]).Select(key => keys.Number(key)!.Value));
        Assert.True(keys.Flag("t"));
        Assert.Equal([1.0, -1], keys.Numbers("shorts")!);
        Assert.Equal([1.0, 0], keys.Numbers("flags")!);
        GgufStrings texts = keys.Texts("texts")!;
        Assert.Equal(["▁a", "", "b"], Enumerable.Range(0, texts.Count).Select(texts.Text));
        Assert.Equal(["x BF16 [2, 3, 4] 48", "y Q4_K [2, 256] 288"],
            file.Entries.Select(e => $"{e.Name} {e.TypeName} [{string.Join(", ", e.Shape)}] {e.Length}"));
        Assert.Equal(BlockType.Q4_K, file.Entries[1].Blocks);
        Assert.Equal(64, file.Entries[1].Offset - file.Entries[0].Offset);
    }

    [Fact]
    public void Padding_AfterTheLastTensor_MayBeMissing()
    {
        using GgufFile file = Open(new GgufBytes().Tensor("a", [16], 0, 0).Tensor("b", [3], 0, 64).ToArray(64 + 12));
        Assert.Equal(12, file.Entries[1].Length);
    }

    [Fact]
    public void Order_OfTensors_MeansNothing()
    {
        using GgufFile file = Open(new GgufBytes().Tensor("b", [16], 0, 64).Tensor("a", [16], 0, 0).ToArray());
        Assert.Equal(["a", "b"], file.Entries.Select(entry => entry.Name));
    }

    public static TheoryData<string, string> Hostile => new()
    {
        { "magic", "is no GGUF file" },
        { "version 1", "is of GGUF version 1" },
        { "big endian", "keep the high byte first" },
        { "tensors", "says that it has 10001 tensors" },
        { "keys", "4097 keys" },
        { "huge counts", "18446744073709551615 tensors" },
        { "key length", "the name of a key has 18446744073709551615 bytes" },
        { "long key", "the name of a key has 70000 bytes" },
        { "empty key", "named \"\"" },
        { "control key", "named \"a?b\"" },
        { "twice", "has key general.architecture twice" },
        { "value type", "of value type 13" },
        { "truth", "must be 0 or 1" },
        { "text length", "the text of x has 9223372036854775807 bytes" },
        { "list length", "says that x has 18446744073709551615 elements" },
        { "list of many", "says that x has 16777217 elements" },
        { "list of lists", "lists of lists" },
        { "text in list", "text 0 of x has 9223372036854775807 bytes" },
        { "name length", "the name of a tensor has 64 bytes" },
        { "tensor twice", "lists tensor a twice" },
        { "no axes", "0 axes" },
        { "five axes", "5 axes" },
        { "axis 0", "an axis of 0" },
        { "axis 2^63", "an axis of 9223372036854775808" },
        { "overflow", "more than a file can have" },
        { "overflow of blocks", "more than a file can have" },
        { "Q4_0_4_4", "as Q4_0_4_4, repacked for ARM; get Q4_0." },
        { "Q4_2", "as Q4_2" },
        { "IQ1_S", "as IQ1_S" },
        { "type 43", "type 43, which is newer than this program" },
        { "part of a block", "rows of 48 as Q4_0, whose blocks have 32" },
        { "alignment 0", "general.alignment = 0" },
        { "alignment 24", "general.alignment = 24" },
        { "alignment 2^21", "general.alignment = 2097152" },
        { "alignment text", "general.alignment = \"32\"" },
        { "unaligned", "at 8, no multiple of its alignment 32" },
        { "past the end", "and tensor b needs" },
        { "offset 2^64", "and tensor b needs" },
        { "overlap", "tensors a and b the same bytes" },
        { "cut", "in the middle of its header" },
        { "nothing", "has 0 bytes" },
        { "stub", "too few for a GGUF file" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Files_ThatAreUnsound_AreRefused(string name, string said)
    {
        byte[] sound = Sound().ToArray();
        byte[] bytes = name switch
        {
            "magic" => [.. "GGML"u8, .. sound[4..]],
            "version 1" => new GgufBytes { Version = 1 }.ToArray(),
            "big endian" => new GgufBytes { Version = 3u << 24 }.ToArray(),
            "tensors" => new GgufBytes { Tensors = 10_001 }.ToArray(),
            "keys" => new GgufBytes { Keys = 4_097 }.ToArray(),
            "huge counts" => new GgufBytes { Tensors = ulong.MaxValue, Keys = ulong.MaxValue }.ToArray(),
            "key length" => [.. new GgufBytes { Keys = 1 }.ToArray(0)[..24], .. Long(ulong.MaxValue), .. new byte[64]],
            "long key" => new GgufBytes().U32(new string('k', 70_000), 1).ToArray(),
            "empty key" => new GgufBytes().U32("", 1).ToArray(),
            "control key" => new GgufBytes().U32("a\nb", 1).ToArray(),
            "twice" => Sound().Text("general.architecture", "gemma3n").ToArray(),
            "value type" => new GgufBytes().Value("x", 13, new byte[16]).ToArray(),
            "truth" => new GgufBytes().Value("x", 7, [2]).ToArray(),
            "text length" => new GgufBytes().Value("x", 8, Long(long.MaxValue)).ToArray(),
            "list length" => new GgufBytes().List("x", 4, ulong.MaxValue, []).ToArray(),
            "list of many" => new GgufBytes().List("x", 0, (1 << 24) + 1, []).ToArray(1 << 25),
            "list of lists" => new GgufBytes().List("x", 9, 1, [.. Int(9), .. Long(1), .. new byte[64]]).ToArray(),
            "text in list" => new GgufBytes().List("x", 8, 1, Long(long.MaxValue)).ToArray(),
            "name length" => new GgufBytes().Tensor(new string('n', 64), [16], 0, 0).ToArray(),
            "tensor twice" => new GgufBytes().Tensor("a", [16], 0, 0).Tensor("a", [16], 0, 64).ToArray(),
            "no axes" => new GgufBytes().Tensor("a", [], 0, 0).ToArray(),
            "five axes" => new GgufBytes().Tensor("a", [1, 1, 1, 1, 1], 0, 0).ToArray(),
            "axis 0" => new GgufBytes().Tensor("a", [16, 0], 0, 0).ToArray(),
            "axis 2^63" => new GgufBytes().Tensor("a", [1UL << 63], 0, 0).ToArray(),
            "overflow" => new GgufBytes().Tensor("a", [1UL << 40, 1UL << 40, 1UL << 40], 0, 0).ToArray(),
            "overflow of blocks" => new GgufBytes().Tensor("a", [1UL << 60, 16], 2, 0).ToArray(),
            "Q4_0_4_4" => new GgufBytes().Tensor("a", [32], 31, 0).ToArray(),
            "Q4_2" => new GgufBytes().Tensor("a", [32], 4, 0).ToArray(),
            "IQ1_S" => new GgufBytes().Tensor("a", [256], 19, 0).ToArray(),
            "type 43" => new GgufBytes().Tensor("a", [32], 43, 0).ToArray(),
            "part of a block" => new GgufBytes().Tensor("a", [48], 2, 0).ToArray(),
            "alignment 0" => new GgufBytes().U32("general.alignment", 0).ToArray(),
            "alignment 24" => new GgufBytes().U32("general.alignment", 24).ToArray(),
            "alignment 2^21" => new GgufBytes().U32("general.alignment", 1 << 21).ToArray(),
            "alignment text" => new GgufBytes().Text("general.alignment", "32").ToArray(),
            "unaligned" => new GgufBytes().Tensor("a", [2], 0, 8).ToArray(),
            "past the end" => new GgufBytes().Tensor("a", [16], 0, 0).Tensor("b", [17], 0, 64).ToArray(),
            "offset 2^64" => new GgufBytes().Tensor("a", [16], 0, 0).Tensor("b", [16], 0, ulong.MaxValue - 31).ToArray(),
            "overlap" => new GgufBytes().Tensor("a", [16], 0, 0).Tensor("b", [16], 0, 32).ToArray(),
            "cut" => sound[..60],
            "nothing" => [],
            _ => sound[..20],
        };
        GgufException refusal = Assert.Throws<GgufException>(() => Open(bytes));
        Assert.StartsWith("x.gguf ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(said, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Alignments_OfPowersOfTwo_AreRead()
    {
        using GgufFile file = Open(new GgufBytes { Alignment = 64 }.U32("general.alignment", 64).Tensor("a", [16], 0, 0).Tensor("b", [16], 0, 64).ToArray());
        Assert.Equal(0, file.Entries[0].Offset % 64);
    }

    [Fact]
    public void Values_OfOtherKinds_AreRefusedWithTheirKey()
    {
        using GgufFile file = Open(Sound().ToArray());
        Assert.Equal("x.gguf has general.architecture = \"gemma3n\"; a number is needed.",
            Assert.Throws<GgufException>(() => file.Metadata.Number("general.architecture")).Message);
        Assert.Equal("x.gguf has numbers = [1, 2, 3]; a text is needed.", Assert.Throws<GgufException>(() => file.Metadata.Text("numbers")).Message);
        Assert.Equal("x.gguf has gemma3n.block_count = 2; a whole number from 3 to 9 is needed.",
            Assert.Throws<GgufException>(() => file.Metadata.Int("gemma3n.block_count", 3, 9)).Message);
    }

    [Fact]
    public void Splits_AreOpenedByAnyPart()
    {
        WritePart(0, 2, 2, "a");
        WritePart(1, 2, 2, "b");
        foreach (int part in (int[])[1, 2])
        {
            IReadOnlyList<GgufFile> files = GgufSplits.Open(_folder[$"m-{part:D5}-of-00002.gguf"]);
            Assert.Equal(["a", "b"], files.SelectMany(file => file.Entries).Select(entry => entry.Name));
            Assert.All(files, file => file.Dispose());
        }
    }

    [Theory]
    [InlineData("missing", "m-00002-of-00002.gguf is missing, one of the 2 parts of this model; download it, too.")]
    [InlineData("number", "m-00002-of-00002.gguf says that it is part 0, counted from 0, of 2; its name says 1 of 2, so download the parts again.")]
    [InlineData("count", "m-00002-of-00002.gguf says that it is part 1, counted from 0, of 3; its name says 1 of 2, so download the parts again.")]
    [InlineData("total", "m-00001-of-00002.gguf says that the parts have 2 tensors together; they have 3, so download them again.")]
    [InlineData("twice", "m-00002-of-00002.gguf has tensor a, which m-00001-of-00002.gguf has, too; download the parts again.")]
    public void Splits_ThatDoNotBelongTogether_AreRefused(string fault, string message)
    {
        WritePart(0, 2, 2, "a");
        switch (fault)
        {
            case "number":
                WritePart(1, 2, 2, ["b"], no: 0);
                break;
            case "count":
                WritePart(1, 2, 2, ["b"], count: 3);
                break;
            case "total":
                WritePart(1, 2, 2, "b", "c");
                break;
            case "twice":
                WritePart(1, 2, 2, "a");
                break;
        }

        Assert.Equal(message, Assert.Throws<GgufException>(() => GgufSplits.Open(_folder["m-00001-of-00002.gguf"])).Message);
    }

    [Fact]
    public void Split_UnderAnotherName_IsRefused()
    {
        WritePart(0, 2, 1, "a");
        File.Move(_folder["m-00001-of-00002.gguf"], _folder["other.gguf"]);
        Assert.StartsWith("other.gguf is one of 2 parts", Assert.Throws<GgufException>(() => GgufSplits.Open(_folder["other.gguf"])).Message,
            StringComparison.Ordinal);
    }

    void WritePart(int index, int of, int total, params string[] tensors) => WritePart(index, of, total, tensors, null, null);

    void WritePart(int index, int of, int total, string[] tensors, int? no = null, int? count = null)
    {
        GgufBytes bytes = new GgufBytes().Value("split.no", 2, Int((uint)(no ?? index))[..2]).Value("split.count", 2, Int((uint)(count ?? of))[..2])
            .Value("split.tensors.count", 5, Int((uint)total));
        for (int i = 0; i < tensors.Length; i++)
        {
            bytes.Tensor(tensors[i], [16], 0, (ulong)(64 * i));
        }

        File.WriteAllBytes(_folder[$"m-{index + 1:D5}-of-{of:D5}.gguf"], bytes.ToArray(64 * tensors.Length));
    }

    GgufFile Open(byte[] bytes)
    {
        string path = _folder["x.gguf"];
        File.WriteAllBytes(path, bytes);
        return GgufFile.Open(path);
    }
}
