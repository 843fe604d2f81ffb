using System.Buffers.Binary;
using System.IO.Compression;
using GemmaSharp.Prompting.Pictures;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Vision;

/// <summary>Pictures for the tower, as planes from 0 to 1.</summary>
static class TestPicture
{
    /// <summary><c>p[c, y, x] = ((7919c + 131y + 17x) mod 256) / 255</c></summary>
    public static float[] Formula(int height, int width)
    {
        float[] pixels = new float[3 * height * width];
        for (int i = 0; i < pixels.Length; i++)
        {
            (int c, int y, int x) = (i / (height * width), i / width % height, i % width);
            pixels[i] = ((7919 * c) + (131 * y) + (17 * x)) % 256 / 255f;
        }
        return pixels;
    }

    /// <summary>A PNG among the goldens, resized as the recorded run did.</summary>
    public static float[] FromPng(string golden, int height, int width)
    {
        RgbImage image = PictureResize.Resize(ReadPng(File.ReadAllBytes(GoldenFiles.Find(golden))), width, height, arithmetic: ResizeArithmetic.Torch);
        float[] pixels = new float[3 * height * width];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (float)(image.Pixels[(i % (height * width) * 3) + (i / (height * width))] * (1 / 255.0));
        }
        return pixels;
    }

    /// <summary>The picture with rows and columns exchanged.</summary>
    public static float[] Transpose(float[] pixels, int height, int width)
    {
        float[] transposed = new float[pixels.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            (int c, int y, int x) = (i / (height * width), i / width % height, i % width);
            transposed[(((c * width) + x) * height) + y] = pixels[i];
        }
        return transposed;
    }

    /// <summary>An 8-bit RGB picture without interlacing.</summary>
    static RgbImage ReadPng(byte[] file)
    {
        int width = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)), height = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20));
        Assert.Equal([8, 2, 0, 0, 0], file[24..29]);
        using MemoryStream compressed = new();
        for (int at = 8; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (file.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8))
            {
                compressed.Write(file, at + 8, length);
            }
            at += length + 12;
        }
        compressed.Position = 0;
        using ZLibStream stream = new(compressed, CompressionMode.Decompress);
        byte[] pixels = new byte[width * height * 3];
        byte[] line = new byte[(width * 3) + 1];
        for (int y = 0; y < height; y++)
        {
            stream.ReadExactly(line);
            for (int i = 0; i < width * 3; i++)
            {
                int at = (y * width * 3) + i;
                int left = i >= 3 ? pixels[at - 3] : 0, up = y > 0 ? pixels[at - (width * 3)] : 0;
                int corner = i >= 3 && y > 0 ? pixels[at - (width * 3) - 3] : 0;
                pixels[at] = (byte)(line[i + 1] + line[0] switch
                {
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    4 => Paeth(left, up, corner),
                    _ => 0,
                });
            }
        }
        return new RgbImage(width, height, pixels);
    }

    static int Paeth(int left, int up, int corner)
    {
        int dl = Math.Abs(up - corner), du = Math.Abs(left - corner), dc = Math.Abs(left + up - (2 * corner));
        return dl <= du && dl <= dc ? left : du <= dc ? up : corner;
    }
}
