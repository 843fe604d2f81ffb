using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace GemmaSharp.Media.Tests;

public class ImageReaderTests
{
    public static TheoryData<string> LosslessNames
    {
        get
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Fixture("pictures.json")));
            return [.. document.RootElement.EnumerateObject().Select(entry => entry.Name)];
        }
    }

    [Theory]
    [MemberData(nameof(LosslessNames))]
    public void Read_LosslessPicture_GivesExactlyPillowsPixels(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Fixture("pictures.json")));
        JsonElement expected = document.RootElement.GetProperty(name);
        RgbImage image = ImageReader.Read(TestFiles.Fixture(name), new MediaOptions { Alpha = AlphaMode.Reference });
        Assert.Equal(expected.GetProperty("width").GetInt32(), image.Width);
        Assert.Equal(expected.GetProperty("height").GetInt32(), image.Height);
        Assert.Equal(expected.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(image.Pixels)));
    }

    [Fact]
    public void Read_EveryDoor_GivesTheSamePicture()
    {
        string path = TestFiles.Fixture("alpha-zero.png");
        byte[] bytes = File.ReadAllBytes(path);
        byte[] expected = ImageReader.Read(path).Pixels;
        using MemoryStream stream = new(bytes);
        string base64 = Convert.ToBase64String(bytes);
        Assert.Equal(expected, ImageReader.Read(bytes).Pixels);
        Assert.Equal(expected, ImageReader.Read(stream).Pixels);
        Assert.Equal(expected, ImageReader.ReadDataUrl("data:image/png;base64," + base64).Pixels);
        Assert.Equal(expected, ImageReader.ReadDataUrl("DATA:application/octet-stream;name=a;BASE64," + base64.TrimEnd('=')).Pixels);
        Assert.Equal(expected, ImageReader.ReadDataUrl("data:;base64," + base64.Replace('+', '-').Replace('/', '_')).Pixels);
        Assert.Equal(expected, ImageReader.ReadDataUrl("data:," + string.Concat(bytes.Select(b => $"%{b:X2}"))).Pixels);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",")]
    [InlineData("abc,def")]
    [InlineData("https://example.com/a,b.png")]
    public void ReadDataUrl_AnotherAddress_SaysHowOneBegins(string url) =>
        Assert.Contains("data:", Assert.Throws<MediaException>(() => ImageReader.ReadDataUrl(url)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_WrongExtension_GoesByContent()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".jpg");
        File.Copy(TestFiles.Fixture("animated.gif"), path);
        try
        {
            Assert.Equal(43, ImageReader.Read(path).Width);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static TheoryData<string, byte[]> Others => new()
    {
        { "HEIC", [0, 0, 0, 24, .. "ftypheic"u8, 0, 0, 0, 0, .. "mif1heic"u8] },
        { "AVIF", [0, 0, 0, 24, .. "ftypavif"u8, 0, 0, 0, 0, .. "mif1avif"u8] },
        { "TIFF", [.. "II*\0"u8, 8, 0, 0, 0] },
        { "JPEG XL", [0xFF, 0x0A, 1, 2] },
        { "JPEG 2000", [0, 0, 0, 12, .. "jP  "u8, 0x0D, 0x0A, 0x87, 0x0A] },
        { "SVG", [.. "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>"u8] },
        { "PDF", [.. "%PDF-1.7"u8] },
        { "HTML", [.. "<!DOCTYPE html><html>"u8] },
        { "ZIP", [.. "PK\u0003\u0004"u8, 1, 2] },
        { "WAV", [.. "RIFF"u8, 0, 0, 0, 0, .. "WAVEfmt "u8] },
        { "MP4", [0, 0, 0, 24, .. "ftypisom"u8, 0, 0, 2, 0] },
        { "Git LFS pointer", [.. "version https://git-lfs.github.com/spec/v1"u8] },
        { "text", [.. "not a picture"u8] },
        { "empty", [] },
        { "no format that is known", [200, 1, 2, 3, 0, 5] },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void Read_OtherFormat_NamesItAndTheWayOut(string format, byte[] bytes)
    {
        MediaException error = Assert.Throws<MediaException>(() => ImageReader.Read(bytes, "photo.bin"));
        Assert.StartsWith("photo.bin", error.Message, StringComparison.Ordinal);
        Assert.Contains(format, error.Message, StringComparison.Ordinal);
        Assert.Contains("PNG, JPEG, WebP, GIF", error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[]> Giants
    {
        get
        {
            byte[] png = File.ReadAllBytes(TestFiles.Golden("images", "pixel.png"));
            BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), 50_000);
            BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), 50_000);
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc32(png.AsSpan(12, 17)));
            byte[] gif = File.ReadAllBytes(TestFiles.Fixture("partial.gif"));
            gif.AsSpan(6, 4).Fill(0xFF);
            byte[] bmp = File.ReadAllBytes(TestFiles.Golden("images", "flat.bmp"));
            BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), 50_000);
            BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), 50_000);
            byte[] jpeg = File.ReadAllBytes(TestFiles.Golden("images", "exif-1.jpg"));
            int frame = jpeg.AsSpan().IndexOf((byte[])[0xFF, 0xC0]);
            jpeg.AsSpan(frame + 5, 4).Fill(0xC3);
            byte[] webp = File.ReadAllBytes(TestFiles.Golden("images", "lossless.webp"));
            webp.AsSpan(21, 3).Fill(0xFF);
            return new() { { "png", png }, { "gif", gif }, { "bmp", bmp }, { "jpeg", jpeg }, { "webp", webp } };
        }
    }

    [Theory]
    [MemberData(nameof(Giants))]
    public void Read_GiantInTheHeader_IsRefusedBeforeMemoryIsTaken(string format, byte[] bytes)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        MediaException error = Assert.Throws<MediaException>(() => ImageReader.Read(bytes, format, new MediaOptions { MaxPixels = 1 << 20 }));
        Assert.Contains("1048576 pixels are allowed", error.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4 << 20);
    }

    [Fact]
    public void Read_FileBeyondTheBound_IsRefusedWithBothNumbers()
    {
        MediaOptions options = new() { MaxFileBytes = 100 };
        string path = TestFiles.Fixture("alpha-zero.png");
        byte[] bytes = File.ReadAllBytes(path);
        using MemoryStream stream = new(bytes);
        Func<RgbImage>[] doors =
        [
            () => ImageReader.Read(path, options),
            () => ImageReader.Read(bytes, "x", options),
            () => ImageReader.Read(stream, "x", options),
            () => ImageReader.ReadDataUrl("data:;base64," + Convert.ToBase64String(bytes), options),
        ];
        Assert.All(doors, door => Assert.Contains("100 are allowed", Assert.Throws<MediaException>(door).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_MissingFileOrFolder_SaysSo()
    {
        Assert.Contains("does not exist", Assert.Throws<MediaException>(() => ImageReader.Read("/no/such/picture.png")).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<MediaException>(() => ImageReader.Read(AppContext.BaseDirectory)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data:image/png;base64")]
    [InlineData("data:image/png;base64,A")]
    [InlineData("data:image/png;base64,****")]
    [InlineData("data:,ä")]
    public void ReadDataUrl_Malformed_IsRefused(string url) => Assert.Throws<MediaException>(() => ImageReader.ReadDataUrl(url));

    [Theory]
    [InlineData("rgb.png")]
    [InlineData("base.jpg")]
    [InlineData("lossless.webp")]
    [InlineData("flat.bmp")]
    public void Read_CutAnywhere_IsRefused(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Golden("images", name));
        foreach (double share in (double[])[0.02, 0.1, 0.5, 0.9])
        {
            MediaException error = Assert.Throws<MediaException>(() => ImageReader.Read(bytes.AsMemory(0, (int)(share * bytes.Length)), name));
            Assert.StartsWith(name, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_GifCutInItsOnlyFrame_IsRefused()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("interlaced.gif"));
        for (int length = 6; length < bytes.Length - 3; length++)
        {
            Assert.Throws<MediaException>(() => ImageReader.Read(bytes.AsMemory(0, length)));
        }
    }

    [Fact]
    public void Orientation_EveryValue_FollowsTheTable()
    {
        // Two columns, three rows, each pixel its own number.
        RgbImage image = new(2, 3, [.. Enumerable.Range(0, 6).SelectMany(i => (byte[])[(byte)i, (byte)i, (byte)i])]);
        string[] expected = ["012345", "012345", "103254", "543210", "452301", "024135", "420531", "531420", "135024"];
        for (int value = 0; value < expected.Length; value++)
        {
            RgbImage result = Orientation.Apply(image, value);
            Assert.Equal(expected[value], string.Concat(result.Pixels.Where((_, i) => i % 3 == 0)));
            Assert.Equal(value >= 5 ? 3 : 2, result.Width);
        }
    }

    [Theory]
    [InlineData("II", 6, 6)]
    [InlineData("MM", 8, 8)]
    [InlineData("II", 9, 1)]
    [InlineData("MM", 0, 1)]
    public void OfTiff_Orientation_IsReadInBothByteOrders(string order, int stored, int expected)
    {
        bool isLittle = order == "II";
        byte[] tiff = [.. Encoding.ASCII.GetBytes(order), 0, 0, 0, 0, 0, 0, .. new byte[14]];
        WriteNumber(2, 2, 42);
        WriteNumber(4, 4, 8);
        WriteNumber(8, 2, 1);
        WriteNumber(10, 2, 0x0112);
        WriteNumber(12, 2, 3);
        WriteNumber(14, 4, 1);
        WriteNumber(18, 2, stored);
        Assert.Equal(expected, ExifOrientation.OfTiff(tiff));
        for (int length = 0; length < tiff.Length; length++)
        {
            Assert.InRange(ExifOrientation.OfTiff(tiff.AsSpan(0, length)), 1, 8);
        }

        void WriteNumber(int at, int count, int number)
        {
            for (int i = 0; i < count; i++)
            {
                tiff[at + i] = (byte)(number >> (8 * (isLittle ? i : count - 1 - i)));
            }
        }
    }

    static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0xFFFF_FFFF;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB8_8320 : 0);
            }
        }

        return ~crc;
    }
}
