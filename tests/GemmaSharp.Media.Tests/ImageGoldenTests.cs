using System.Text.Json;
using GemmaSharp.Prompting.Pictures;

namespace GemmaSharp.Media.Tests;

/// <summary>Every recorded picture, decoded and resized, against what Pillow makes of it.</summary>
public class ImageGoldenTests
{
    public static TheoryData<string> Names =>
        [.. Directory.EnumerateFiles(TestFiles.Golden("images")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Read_RecordedPicture_GivesPillowsPixelsAtEverySize(string name)
    {
        RgbImage image = ImageReader.Read(TestFiles.Golden("images", name), new MediaOptions { Alpha = AlphaMode.Reference });

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("images.json")));
        JsonElement expected = document.RootElement.GetProperty(name);
        int[] size = [.. expected.GetProperty("upright_size").EnumerateArray().Select(side => side.GetInt32())];
        Assert.Equal<int[]>(size, [image.Width, image.Height]);

        // Lossless files have one right answer. Decoders of lossy ones may round their transforms differently.
        bool isLossy = name.EndsWith(".jpg", StringComparison.Ordinal) || name == "lossy.webp";
        foreach (int side in (int[])[768, 256, 64])
        {
            JsonElement golden = expected.GetProperty(side.ToString(System.Globalization.CultureInfo.InvariantCulture));
            int stride = golden.GetProperty("stride").GetInt32();
            byte[] values = [.. golden.GetProperty("values").EnumerateArray().Select(value => value.GetByte())];
            byte[] pixels = PictureResize.Resize(image, side, side).Pixels;

            int[] differences = [.. values.Select((value, i) => Math.Abs(value - pixels[i * stride]))];
            int largest = differences.Max();
            double close = differences.Count(difference => difference <= 3) / (double)differences.Length;
            if (isLossy)
            {
                Assert.True(close >= 0.999, $"{name} at {side}: {close:P2} of the samples within 3 levels, largest difference {largest}.");
            }
            else
            {
                Assert.True(largest == 0, $"{name} at {side}: largest difference {largest}.");
            }
        }
    }
}
