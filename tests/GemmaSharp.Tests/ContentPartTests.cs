namespace GemmaSharp.Tests;

public sealed class ContentPartTests
{
    [Theory]
    [InlineData(ImagePart.MinSide)]
    [InlineData(ImagePart.MaxSide)]
    [InlineData(null)]
    public void Side_InItsRange_IsTaken(int? side) => Assert.Equal(side, new ImagePart(null) { Side = side }.Side);

    [Theory]
    [InlineData(ImagePart.MinSide - 1)]
    [InlineData(ImagePart.MaxSide + 1)]
    [InlineData(-1)]
    public void Side_OutOfItsRange_IsRefused(int side) => Assert.Throws<ArgumentOutOfRangeException>(() => new ImagePart(null) { Side = side });
}
