using CsCheck;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Tests.Formats;

public class PackedBitsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Unpack_EveryLengthTo257_FollowsTheBitStream(int bits)
    {
        for (int n = 0; n <= 257; n++)
        {
            Random random = new(n);
            byte[] packed = new byte[(n * bits + 7) / 8 + n % 3];
            random.NextBytes(packed);
            byte[] codes = new byte[n];
            PackedBits.Unpack(packed, bits, codes);
            for (int i = 0; i < n; i++)
            {
                int expected = 0;
                for (int t = 0; t < bits; t++)
                {
                    int bit = i * bits + t;
                    expected |= ((packed[bit / 8] >> (bit % 8)) & 1) << t;
                }

                Assert.Equal(expected, codes[i]);
            }
        }
    }

    [Fact]
    public void Pack_AnyCodes_UnpacksToTheSame() =>
        Gen.Select(Gen.Int[1, 8], Gen.Byte.Array[0, 300]).Sample((bits, bytes) =>
        {
            byte[] codes = [.. bytes.Select(x => (byte)(x & ((1 << bits) - 1)))];
            byte[] packed = new byte[(codes.Length * bits + 7) / 8];
            PackedBits.Pack(bytes, bits, packed);
            byte[] back = new byte[codes.Length];
            PackedBits.Unpack(packed, bits, back);
            return codes.AsSpan().SequenceEqual(back);
        });

    [Fact]
    public void Unpack_ShortStream_Throws()
    {
        Assert.Throws<ArgumentException>(() => PackedBits.Unpack(new byte[2], 3, new byte[8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => PackedBits.Unpack(new byte[2], 9, new byte[1]));
    }
}
