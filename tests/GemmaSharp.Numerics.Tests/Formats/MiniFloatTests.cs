using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Tests.Formats;

public class MiniFloatTests
{
    [Fact]
    public void ToE4M3_EveryCode_ComesBack()
    {
        for (int code = 0; code < 256; code++)
        {
            if ((code & 127) != 127)
            {
                Assert.Equal(code, MiniFloat.ToE4M3(MiniFloat.E4M3[code]));
            }
        }
    }

    [Fact]
    public void ToE4M3_BetweenCodes_TakesTheNearestAndTheEvenOfTwo()
    {
        for (int code = 0; code < 126; code++)
        {
            float low = MiniFloat.E4M3[code], high = MiniFloat.E4M3[code + 1], middle = (low + high) / 2;
            Assert.Equal(code % 2 == 0 ? code : code + 1, MiniFloat.ToE4M3(middle));
            Assert.Equal(code, MiniFloat.ToE4M3(MathF.BitDecrement(middle)));
            Assert.Equal(code + 1, MiniFloat.ToE4M3(MathF.BitIncrement(middle)));
            Assert.Equal(code + 1 + 128, MiniFloat.ToE4M3(-MathF.BitIncrement(middle)));
        }
    }

    [Theory]
    [InlineData(448f, 0x7E)]
    [InlineData(1e9f, 0x7E)]
    [InlineData(float.PositiveInfinity, 0x7E)]
    [InlineData(float.NegativeInfinity, 0xFE)]
    [InlineData(0f, 0)]
    [InlineData(-0f, 0x80)]
    public void ToE4M3_Extremes_Saturate(float value, int code) => Assert.Equal(code, MiniFloat.ToE4M3(value));
}
