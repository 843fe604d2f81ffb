using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Media;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Readers of pictures.</summary>
static class PictureTargets
{
    public static readonly MediaOptions Limits = new()
    {
        MaxPixels = 4 << 20,
        MaxFileBytes = 1 << 20,
        MaxAudio = TimeSpan.FromMinutes(2),
        AllowFiles = false,
        FfmpegPath = "",
    };

    public static IEnumerable<FuzzTarget> All =>
    [
        Picture("png", [new PngMutator(), new PngMutator(), new ByteMutator("IHDR"u8.ToArray(), "IDAT"u8.ToArray(), "PLTE"u8.ToArray(), "tRNS"u8.ToArray(), "eXIf"u8.ToArray())], () => SeedFiles.Fixtures(".png")),
        Picture("jpeg", [new ByteMutator([0xFF, 0xD8], [0xFF, 0xC0], [0xFF, 0xC2], [0xFF, 0xC4], [0xFF, 0xDA], [0xFF, 0xDB], [0xFF, 0xDD], [0xFF, 0xE1], [0xFF, 0xD9], "Exif\0\0"u8.ToArray())], () => SeedFiles.Fixtures(".jpg")),
        Picture("webp", [new ChunkMutator(12, 4, 4, true, false, 2), new ByteMutator("VP8 "u8.ToArray(), "VP8L"u8.ToArray(), "VP8X"u8.ToArray(), "ALPH"u8.ToArray(), "ANMF"u8.ToArray())], () => SeedFiles.Fixtures(".webp")),
        Picture("gif", [new ByteMutator([0x21, 0xF9, 4], [0x2C], [0x3B], [0x21, 0xFF, 0x0B], "GIF89a"u8.ToArray())], () => SeedFiles.Fixtures(".gif")),
        Picture("bmp", [new ByteMutator("BM"u8.ToArray(), [40, 0, 0, 0], [124, 0, 0, 0], [1, 0, 1, 0], [3, 0, 0, 0])], () => SeedFiles.Fixtures(".bmp")),
        Picture("ppm", [new ByteMutator("P6\n"u8.ToArray(), "P5 "u8.ToArray(), "P3\n"u8.ToArray(), "P7\n"u8.ToArray(), "#"u8.ToArray(), "255\n"u8.ToArray(), "65535\n"u8.ToArray(), "99999999999"u8.ToArray())], () =>
        [
            [.. "P6\n# made\n4 3\n255\n"u8, .. new byte[36]], [.. "P5 5 2 65535\n"u8, .. new byte[20]], "P3\n2 1\n255\n1 2 3 4 5 6\n"u8.ToArray(),
            [.. "P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"u8, .. new byte[12]], [.. "P4\n8 2\n"u8, 0xAA, 0x55],
        ]) with { IsRefused = true },
        new()
        {
            Name = "exif",
            Seeds = () => [Tiff(), [.. SeedFiles.Fixtures("exif-6.png").First().AsSpan(0, 200)], .. SeedFiles.Corpus("exif")],
            Mutators = [new ByteMutator("II*\0"u8.ToArray(), "MM\0*"u8.ToArray(), [0x12, 0x01, 3, 0], [0x01, 0x12, 0, 3], "eXIf"u8.ToArray())],
            Open = () => new InputReader(input =>
            {
                CheckpointTargets.Promise(ExifOrientation.OfTiff(input) is >= 1 and <= 8, "an orientation is none");
                CheckpointTargets.Promise(ExifOrientation.OfPng(input) is >= 1 and <= 8, "an orientation is none");
            }),
        },
        new()
        {
            Name = "data-url",
            Seeds = () =>
            [
                SeedFiles.Utf8("data:image/bmp;base64," + Convert.ToBase64String(SeedFiles.Fixtures("one-bit.bmp").First())),
                SeedFiles.Utf8("data:;base64,AAAA"), SeedFiles.Utf8("data:image/svg+xml,%3Csvg%2F%3E"), SeedFiles.Utf8("data:audio/wav;charset=x;base64,UklGRg=="), .. SeedFiles.Corpus("data-url"),
            ],
            Mutators = [new TextMutator("data:", "base64,", ";", ",", "=", "%", "%00", "%zz", "image/png", "-_", " ", "\n"), new ByteMutator()],
            Open = () => new InputReader(input =>
            {
                string url = System.Text.Encoding.Latin1.GetString(input);
                if (!TrySee(url))
                {
                    _ = AudioReader.ReadDataUrl(url, Limits);
                }
            }),
        },
    ];

    /// <summary>Whether there is a picture; what is none may be a sound.</summary>
    static bool TrySee(string url)
    {
        try
        {
            _ = ImageReader.ReadDataUrl(url, Limits);
            return true;
        }
        catch (MediaException e) when (Judge.Fault(e.Message) is null)
        {
            return false;
        }
    }

    static FuzzTarget Picture(string name, IReadOnlyList<IMutator> mutators, Func<IEnumerable<byte[]>> seeds) => new()
    {
        Name = name,
        Seeds = () => [.. seeds(), .. SeedFiles.Corpus(name)],
        Mutators = mutators,
        TestInputs = 150,
        Open = () => new InputReader(input =>
        {
            RgbImage image = ImageReader.Read(input, "picture", Limits);
            CheckpointTargets.Promise(image.Width > 0 && image.Height > 0 && image.Pixels.Length == 3L * image.Width * image.Height, "a picture is not as large as it says");
        }),
    };

    static byte[] Tiff() => [.. "II*\0"u8, 8, 0, 0, 0, 2, 0, 0x0F, 0x01, 2, 0, 4, 0, 0, 0, 65, 0, 0, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
}
