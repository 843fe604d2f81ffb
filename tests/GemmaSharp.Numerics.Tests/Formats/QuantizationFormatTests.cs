using CsCheck;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Tests.Formats;

public class QuantizationFormatTests
{
    [Fact]
    public void Create_EveryCombination_AllowsThoseOfMlxAlone()
    {
        foreach (QuantizationMode mode in Enum.GetValues<QuantizationMode>())
        {
            for (int bits = 0; bits <= 9; bits++)
            {
                for (int group = 0; group <= 256; group++)
                {
                    bool expected = mode switch
                    {
                        QuantizationMode.Affine => bits is 2 or 3 or 4 or 5 or 6 or 8 && group is 32 or 64 or 128 && bits > 0,
                        QuantizationMode.MxFp4 => bits == 4 && group == 32,
                        QuantizationMode.NvFp4 => bits == 4 && group == 16,
                        _ => bits == 8 && group == 32,
                    };
                    expected = mode == QuantizationMode.Affine ? (bits is 2 or 3 or 4 or 5 or 6 or 8) && (group is 32 or 64 or 128) : expected;
                    Assert.Equal(expected, QuantizationFormat.TryCreate(mode, bits, group, out QuantizationFormat? format, out string? fault));
                    Assert.Equal(expected, fault is null);
                    Assert.Equal(expected, format is not null);
                }
            }
        }
    }

    [Fact]
    public void Create_Defaults_AreThoseOfMlx()
    {
        Assert.Equal("affine4/64", QuantizationFormat.Create(QuantizationMode.Affine).Name);
        Assert.Equal("mxfp4/32", QuantizationFormat.Create(QuantizationMode.MxFp4).Name);
        Assert.Equal("nvfp4/16", QuantizationFormat.Create(QuantizationMode.NvFp4).Name);
        Assert.Equal("mxfp8/32", QuantizationFormat.Create(QuantizationMode.MxFp8).Name);
        Assert.Equal(QuantizationFormat.Default, QuantizationFormat.Create(QuantizationMode.Affine, 4, 64));
        Assert.Throws<QuantizationFormatException>(() => QuantizationFormat.Create(QuantizationMode.Affine, 7));
    }

    [Fact]
    public void TryDerive_ShapesOfEveryFormat_FindsTheFormat()
    {
        foreach ((_, _, QuantizationFormat format) in MlxMatrices.All)
        {
            const int Columns = 768;
            ElementType type = format.HasBiases ? ElementType.BF16 : ElementType.U8;
            Assert.True(QuantizationFormat.TryDerive(
                Columns, format.WordsPerRow(Columns), format.GroupsPerRow(Columns), type, out QuantizationFormat? found, out _));
            Assert.Equal(format, found);
        }
    }

    [Fact]
    public void TryDerive_AnyShapes_FindsAFormatThatFitsOrSaysWhy() =>
        Gen.Select(Gen.Long[-5, 5000], Gen.Long[-5, 5000], Gen.Long[-5, 5000], Gen.Bool).Sample((columns, words, scales, affine) =>
        {
            bool found = QuantizationFormat.TryDerive(
                columns, words, scales, affine ? ElementType.BF16 : ElementType.U8, out QuantizationFormat? format, out string? fault);
            return found
                ? format!.Fits(columns) && format.WordsPerRow((int)columns) == words && format.GroupsPerRow((int)columns) == scales
                : !string.IsNullOrEmpty(fault);
        });
}
