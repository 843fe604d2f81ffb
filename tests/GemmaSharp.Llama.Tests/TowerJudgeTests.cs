using System.Reflection;
using System.Runtime.InteropServices;
using LLama;
using LLama.Common;
using LLama.Native;

namespace GemmaSharp.Llama.Tests;

/// <summary>llama.cpp takes the files of towers that are written here, and sees in them what is seen here. (It has no audio tower for this model.)</summary>
public sealed class TowerJudgeTests
{
    [Theory]
    [InlineData("f16", 256)]
    [InlineData("f32", 256)]
    [InlineData("q8_0", 256)]
    [InlineData("f16", 768)]
    public async Task Pictures_are_seen_there_as_here(string type, int side)
    {
        LlamaLibrary.Require();
        using SmallCheckpoint checkpoint = new(side);
        string path = checkpoint["model.gguf"];
        ConversionResult written = CheckpointConverter.ConvertToGguf(
            checkpoint.Folder, path, new GgufConversionOptions { Type = type }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(["model.gguf", "mmproj-model.gguf"], written.Files);
        byte[] pixels = new byte[3 * side * side];
        for (int y = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++)
            {
                // Slopes, and a disc with an edge.
                bool inside = (x - side / 3) * (x - side / 3) + (y - side / 2) * (y - side / 2) < side * side / 16;
                (int red, int green, int blue) = inside ? (220, 30, 40) : (255 * x / side, 255 * y / side, (x + y) * 255 / (2 * side));
                (pixels[3 * (y * side + x)], pixels[3 * (y * side + x) + 1], pixels[3 * (y * side + x) + 2]) = ((byte)red, (byte)green, (byte)blue);
            }
        }

        float[] ours, theirs = Theirs(path, checkpoint["mmproj-model.gguf"], side, pixels);
        using (GemmaModel model = GemmaModel.Load(path, new GemmaModelOptions { Threads = 2, Exact = true }))
        {
            var trace = new LogitTrace("embed_vision#1");
            await model.EncodeAsync(
                [ChatMessage.User(new ImagePart(new RgbImage(side, side, pixels)))], trace: trace, cancellationToken: TestContext.Current.CancellationToken);
            ours = trace.Logits;
        }

        const int Tokens = 256;
        Assert.Equal(ours.Length, theirs.Length);
        int width = ours.Length / Tokens;
        double least = Enumerable.Range(0, Tokens).Min(t => Cosine(ours.AsSpan(t * width, width), theirs.AsSpan(t * width, width)));
        TestContext.Current.SendDiagnosticMessage($"{type} {side}: cosine {least:F6}");
        Assert.True(least >= 0.999, $"The least cosine of a soft token is {least}.");
    }

    static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++)
        {
            ab += (double)a[i] * b[i];
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
        }

        return ab / Math.Sqrt(aa * bb);
    }

    /// <summary>The soft tokens of a picture that has its size already.</summary>
    static float[] Theirs(string path, string projector, int side, byte[] pixels)
    {
        using LLamaWeights weights = LLamaWeights.LoadFromFile(new ModelParams(path) { GpuLayerCount = 0 });
        MtmdContextParams parameters = MtmdContextParams.Default();
        (parameters.UseGpu, parameters.Warmup, parameters.NThreads) = (false, false, 2);
        using MtmdWeights towers = MtmdWeights.LoadFromFile(projector, weights, parameters);
        Assert.True(towers.SupportsVision);
        using SafeMtmdEmbed picture = SafeMtmdEmbed.FromRgbBytes((uint)side, (uint)side, pixels)!;
        Assert.Equal(0, towers.Tokenize(NativeApi.MtmdDefaultMarker()!, false, true, [picture], out SafeMtmdInputChunks? chunks));
        using (chunks)
        {
            SafeMtmdInputChunk image = chunks!.Enumerate().Single(chunk => chunk.Type == SafeMtmdInputChunk.SafeMtmdInputChunkType.Image);
            nint context = towers.NativeHandle.DangerousGetHandle();
            Assert.Equal(0, (int)Native("mtmd_encode_chunk", context, image.NativePtr));
            float[] values = new float[(int)image.NTokens * weights.EmbeddingSize];
            Marshal.Copy((nint)Native("mtmd_get_output_embd", context), values, 0, values.Length);
            return values;
        }
    }

    /// <summary>A function of the library that its wrapper has for itself.</summary>
    static object Native(string name, params object[] arguments) =>
        typeof(NativeApi).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)!.Invoke(null, arguments)!;
}
