using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Tests.Formats;

public unsafe class WeightFormatTests
{
    public static TheoryData<string> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Half_EveryBitPattern_IsExact(string width) =>
        EveryPattern<HalfWeights>(width, bits => (float)BitConverter.UInt16BitsToHalf(bits));

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void BFloat16_EveryBitPattern_IsExact(string width) =>
        EveryPattern<BFloat16Weights>(width, bits => new BFloat16(bits).ToSingle());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ToSingles_EveryLengthTo257_ConvertsThatMany(string width)
    {
        for (int length = 0; length <= 257; length++)
        {
            ushort[] source = new ushort[length];
            new Random(length).NextBytes(MemoryMarshal.AsBytes(source.AsSpan()));
            float[] found = new float[length + 1];
            found[length] = 7;
            Convert<BFloat16Weights>(width, source, found, length);
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(new BFloat16(source[i]).ToSingle(), found[i]);
            }
            Assert.Equal(7, found[length]);
        }
    }

    [Fact]
    public void BFloat16FromSingle_AnyValue_RoundsToNearestEven()
    {
        Assert.Equal(0x3F80, BFloat16.FromSingle(1f).Bits);
        Assert.Equal(0x3F80, BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0x3F80_8000)).Bits);
        Assert.Equal(0x3F82, BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0x3F81_8000)).Bits);
        Assert.Equal(0x3F81, BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0x3F80_8001)).Bits);
        Assert.Equal(0x7F80, BFloat16.FromSingle(float.MaxValue).Bits);
        Assert.Equal(0xFF80, BFloat16.FromSingle(float.NegativeInfinity).Bits);
        Assert.True(float.IsNaN(BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0x7F80_0001)).ToSingle()));
        Assert.True(float.IsNaN(BFloat16.FromSingle(BitConverter.UInt32BitsToSingle(0xFFFF_FFFF)).ToSingle()));
    }

    [Fact]
    public void MiniFloat_KnownPatterns_HaveTheirValues()
    {
        Assert.Equal(448f, MiniFloat.E4M3[0x7E]);
        Assert.Equal(-1f, MiniFloat.E4M3[0xB8]);
        Assert.Equal(1f / 512f, MiniFloat.E4M3[0x01]);
        Assert.Equal(7f / 512f, MiniFloat.E4M3[0x07]);
        Assert.Equal(1f / 64f, MiniFloat.E4M3[0x08]);
        Assert.True(float.IsNaN(MiniFloat.E4M3[0x7F]));
        Assert.Equal(57344f, MiniFloat.E5M2[0x7B]);
        Assert.Equal(float.PositiveInfinity, MiniFloat.E5M2[0x7C]);
        Assert.Equal(1f, MiniFloat.E8M0[127]);
        Assert.Equal(MathF.ScaleB(1f, -127), MiniFloat.E8M0[0]);
        Assert.True(float.IsNaN(MiniFloat.E8M0[255]));
    }

    static void EveryPattern<TFormat>(string width, Func<ushort, float> expected)
        where TFormat : struct, IWeightFormat
    {
        ushort[] source = new ushort[65536];
        for (int i = 0; i < source.Length; i++)
        {
            source[i] = (ushort)i;
        }
        float[] found = new float[source.Length];
        Convert<TFormat>(width, source, found, source.Length);
        for (int i = 0; i < source.Length; i++)
        {
            float want = expected((ushort)i);
            Assert.True(
                float.IsNaN(want)
                    ? float.IsNaN(found[i])
                    : BitConverter.SingleToInt32Bits(found[i]) == BitConverter.SingleToInt32Bits(want),
                $"0x{i:X4} is {found[i]:R}, should be {want:R}");
        }
    }

    static void Convert<TFormat>(string width, ushort[] source, float[] destination, int count)
        where TFormat : struct, IWeightFormat
    {
        fixed (ushort* from = source)
        fixed (float* to = destination)
        {
            Widths.Run(width, new StoredFloats.Widening<TFormat>((byte*)from, (nuint)count, to));
        }
    }
}
