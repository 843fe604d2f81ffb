namespace GemmaSharp.Media.Tests;

/// <summary>Pictures whose file lacks its last bytes: read where no pixel is missing, and refused, never guessed, where one is.</summary>
public class MissingEndTests
{
    static readonly MediaOptions s_reference = new() { Alpha = AlphaMode.Reference };

    [Theory]
    [InlineData("base.jpg")]
    [InlineData("420.jpg")]
    [InlineData("gray.jpg")]
    [InlineData("cmyk.jpg")]
    [InlineData("progressive.jpg")]
    [InlineData("exif-6.jpg")]
    public void Read_JpegWithoutItsEndMarker_IsTheWholePicture(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Golden("images", name));
        Assert.Equal<byte[]>([0xFF, 0xD9], bytes[^2..]);
        byte[] expected = ImageReader.Read(bytes).Pixels;
        for (int lost = 1; lost <= 2; lost++)
        {
            var notices = new List<string>();
            Assert.Equal(expected, ImageReader.Read(bytes.AsMemory(0, bytes.Length - lost), name, notice: notices.Add).Pixels);
            Assert.Contains("lacks the last bytes", Assert.Single(notices), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("base.jpg")]
    [InlineData("progressive.jpg")]
    [InlineData("rgb.png")]
    [InlineData("interlaced-odd.png")]
    [InlineData("lossless.webp")]
    [InlineData("lossy.webp")]
    [InlineData("flat.bmp")]
    public void Read_CutAnywhere_IsTheWholePictureOrRefused(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Golden("images", name));
        byte[] expected = ImageReader.Read(bytes, name, s_reference).Pixels;
        int refused = 0;
        for (int lost = 1; lost < bytes.Length; lost += lost < 40 ? 1 : 1 + (bytes.Length / 60))
        {
            try
            {
                Assert.Equal(expected, ImageReader.Read(bytes.AsMemory(0, bytes.Length - lost), name, s_reference).Pixels);
            }
            catch (MediaException)
            {
                refused++;
            }
        }

        Assert.True(refused > 40);
    }

    [Fact]
    public void Read_WebPWithoutItsPadding_IsTheWholePicture()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Golden("images", "lossy.webp"));
        byte[] expected = ImageReader.Read(bytes).Pixels;
        int size = BitConverter.ToInt32(bytes, 16), end = 20 + size;
        Assert.Equal(expected, ImageReader.Read(bytes.AsMemory(0, end)).Pixels);
    }

    [Fact]
    public void Find_EndOfAThumbnailOrTrailer_IsNoEnd()
    {
        byte[] jpeg = File.ReadAllBytes(TestFiles.Golden("images", "gray.jpg"));
        Assert.Equal(JpegEnd.State.Found, JpegEnd.Find(jpeg));
        Assert.Equal(JpegEnd.State.Found, JpegEnd.Find([.. jpeg, 1, 2, 3]));

        // A whole small JPEG in a segment of another, as a thumbnail is.
        byte[] segment = [0xFF, 0xE1, (byte)((jpeg.Length + 2) >> 8), (byte)(jpeg.Length + 2), .. jpeg];
        byte[] outer = [.. jpeg.AsSpan(0, 2), .. segment, .. jpeg.AsSpan(2, jpeg.Length - 4)];
        Assert.True(jpeg.Length < 65_000);
        Assert.Equal(JpegEnd.State.Missing, JpegEnd.Find(outer));
        Assert.Equal(JpegEnd.State.Early, JpegEnd.Find(jpeg.AsSpan(0, 100)));
    }
}
