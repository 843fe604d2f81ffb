using System.Buffers.Binary;
using System.Text;
using CsCheck;
using GemmaSharp.Checkpoints;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>Whatever happens to the bytes of a file, opening it succeeds or is refused with a typed error, in little memory.</summary>
public sealed class SafetensorsMutationTests : IDisposable
{
    const string Sound = """{"__metadata__":{"format":"pt"},"model.norm.weight":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"c":{"dtype":"U8","shape":[],"data_offsets":[32,33]}}""";

    static readonly string[] s_splices =
    [
        "0", "-1", "9223372036854775807", "18446744073709551616", "1e400", "null", "[", "]", "{", "}", ",", ":", "\"", "\\u0000", "\\ud800", "[0,0]", "{}",
        "\"data_offsets\":[0,8],", "\"shape\":[0],", "\"dtype\":\"I64\",", "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},",
    ];

    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_BytesChanged_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, 300], Gen.Byte).List[1, 8].Sample(changes =>
        {
            byte[] file = File(Sound);
            foreach ((int at, byte value) in changes)
            {
                file[at % file.Length] = value;
            }

            OpenAndRead(file);
        }, iter: 3000, threads: 1);

    [Fact]
    public void Open_TextSpliced_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, Sound.Length], Gen.Int[0, 12], Gen.Int[0, s_splices.Length - 1]).List[1, 4].Sample(splices =>
        {
            string header = Sound;
            foreach ((int at, int removed, int splice) in splices)
            {
                int start = at % (header.Length + 1);
                header = header[..start] + s_splices[splice] + header[Math.Min(header.Length, start + removed)..];
            }

            OpenAndRead(File(header));
        }, iter: 3000, threads: 1);

    [Fact]
    public void Open_Truncated_NeverFailsUntyped() =>
        Gen.Int[0, 300].Sample(length =>
        {
            byte[] file = File(Sound);
            OpenAndRead(file[..Math.Min(length, file.Length)]);
        }, iter: 300, threads: 1);

    void OpenAndRead(byte[] bytes)
    {
        string path = _folder["mutated.safetensors"];
        System.IO.File.WriteAllBytes(path, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (TensorEntry entry in file.Entries)
            {
                // Every byte of an accepted tensor can be read.
                _ = file.Tensor(entry).Block.Read(entry.Offset, (int)entry.Length).ToArray();
            }
        }
        catch (SafetensorsException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16L << 20);
    }

    static byte[] File(string header)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + text.Length + 33];
        BinaryPrimitives.WriteInt64LittleEndian(file, text.Length);
        text.CopyTo(file, 8);
        return file;
    }
}
