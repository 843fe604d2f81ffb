using System.Buffers.Binary;
using System.Text;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

public sealed class SafetensorsFileTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_EveryType_ReadsNameShapeAndBytes()
    {
        ElementType[] types = Enum.GetValues<ElementType>();
        string entries = string.Join(",", types.Select((t, i) => $"\"t{i}\":{{\"dtype\":\"{t.Name()}\",\"shape\":[2],\"data_offsets\":[{Start(types, i)},{Start(types, i + 1)}]}}"));
        using SafetensorsFile file = Open($"{{\"__metadata__\":{{\"format\":\"pt\"}},{entries}}}   ", Start(types, types.Length));
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(types.Length, file.Entries.Count);
        for (int i = 0; i < types.Length; i++)
        {
            TensorData data = file.Tensor($"t{i}");
            Assert.Equal(types[i], data.Type);
            Assert.Equal([2L], data.Shape);
            Assert.Equal((byte)Start(types, i), data.Block.Read(data.Offset, 1)[0]);
        }

        static int Start(ElementType[] types, int index) => types.Take(index).Sum(t => 2 * t.SizeInBytes());
    }

    [Fact]
    public void Open_ScalarEmptyTensorAndGap_IsAccepted()
    {
        using SafetensorsFile file = Open("""{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4]},"g":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}}""", 12);
        Assert.Empty(file.Tensor("s").Shape);
        Assert.Equal(0, file.Tensor("e").Length);
        Assert.Equal(8, file.Tensor("g").Block.Read(file.Tensor("g").Offset, 1)[0]);
    }

    [Fact]
    public void Open_NoTensors_IsAccepted()
    {
        using SafetensorsFile file = Open("{}", 0);
        Assert.Empty(file.Entries);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", "the same bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "cut short")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "cut short")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "needs 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "needs 12")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", "more than a file can have")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}}""", "more than a file can have")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", "not numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", "up to 16")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", "up to 2")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "without")]
    [InlineData("""{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}""", "F4")]
    [InlineData("""{"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", "damaged header")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "twice")]
    [InlineData("""{"a":[1]}""", "damaged header")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}""", "damaged header")]
    [InlineData("""{"a":{}}""", "without dtype")]
    [InlineData("""{"a":1}""", "damaged header")]
    [InlineData("""{"__metadata__":{"a":1}}""", "damaged header")]
    [InlineData("""{} {}""", "damaged header")]
    [InlineData("""{"a\u001b[31m":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "a?[31m, whose name has control characters")]
    [InlineData("""[1,2,3]""", "no JSON object")]
    public void Open_UnsoundHeader_SaysWhat(string header, string expected)
    {
        var e = Assert.Throws<SafetensorsException>(() => Open(header, 12));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("file.safetensors ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_DeepJson_IsRefused() =>
        Assert.Throws<SafetensorsException>(() => Open($"{{\"a\":{{\"x\":{new string('[', 5000)}{new string(']', 5000)}}}}}", 0));

    [Fact]
    public void Open_HeaderNotUtf8_IsRefused()
    {
        byte[] header = Encoding.UTF8.GetBytes("""{"aXb":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""");
        header[Array.IndexOf(header, (byte)'X')] = 0xFF;
        Assert.Contains("UTF-8", Assert.Throws<SafetensorsException>(() => Open(header, 8)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(8)]
    public void Open_ShorterThanAHeader_IsRefused(int length)
    {
        File.WriteAllBytes(_folder["short.safetensors"], new byte[length]);
        Assert.Contains("too few", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder["short.safetensors"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ulong.MaxValue, "at most 100000000")]
    [InlineData(100_000_001UL, "at most 100000000")]
    [InlineData(5_000UL, "inside its header")]
    public void Open_HeaderLengthImpossible_IsRefused(ulong length, string expected)
    {
        byte[] bytes = new byte[100];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        bytes[8] = (byte)'{';
        File.WriteAllBytes(_folder["x.safetensors"], bytes);
        Assert.Contains(expected, Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder["x.safetensors"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GGUF\u0003\0\0\0\0\0\0\0", "GGUF")]
    [InlineData("PK\u0003\u0004aaaaaaaa", "PyTorch")]
    [InlineData("version https://git-lfs.github.com/spec/v1", "git lfs pull")]
    [InlineData("<!DOCTYPE html><html>", "web page")]
    public void Open_OtherKindOfFile_SaysWhich(string content, string expected)
    {
        File.WriteAllText(_folder["x.safetensors"], content, Encoding.Latin1);
        Assert.Contains(expected, Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder["x.safetensors"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoSuchFile_IsTyped() => Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder["none.safetensors"]));

    [Fact]
    public void Open_Pipe_IsRefusedAndNotWaitedFor()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "named pipes are made with mkfifo");
        using var mkfifo = System.Diagnostics.Process.Start("mkfifo", _folder["pipe.safetensors"]);
        mkfifo.WaitForExit();
        Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder["pipe.safetensors"]));
    }

    // Every form of a header of close to 100 MB that tries to become more in memory.
    [Theory]
    [InlineData("tensors")]
    [InlineData("numbers")]
    [InlineData("name")]
    [InlineData("metadata")]
    [InlineData("unknown")]
    public void Open_HugeHeader_TakesBoundedMemory(string kind)
    {
        const int Length = 90_000_000;
        string path = _folder["huge.safetensors"];
        using (var stream = new FileStream(path, FileMode.Create))
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, Length);
            stream.Write(length);
            stream.Write(Encoding.ASCII.GetBytes(kind switch
            {
                "numbers" => "{\"a\":{\"shape\":[",
                "name" => "{\"",
                "metadata" => "{\"__metadata__\":{",
                "unknown" => "{\"a\":{\"x\":[",
                _ => "{",
            }));
            int i = 0;
            while (stream.Position < Length)
            {
                stream.Write(Encoding.ASCII.GetBytes(kind switch
                {
                    "tensors" => $"\"{i++}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},",
                    "numbers" or "unknown" => "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,",
                    "name" => "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    _ => $"\"{i++}\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",",
                }));
            }

            stream.SetLength(Length + 8);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 0, 256L << 20);
    }

    SafetensorsFile Open(string header, int dataLength) => Open(Encoding.UTF8.GetBytes(header), dataLength);

    // The data is the bytes 0, 1, 2 …
    SafetensorsFile Open(byte[] header, int dataLength)
    {
        string path = _folder["file.safetensors"];
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        File.WriteAllBytes(path, [.. length, .. header, .. Enumerable.Range(0, dataLength).Select(i => (byte)i)]);
        return SafetensorsFile.Open(path);
    }
}
