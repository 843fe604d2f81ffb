using System.Globalization;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Forecast;
using GemmaSharp.Layers;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Forecast;

/// <summary>What is predicted from headers is what a loaded model holds.</summary>
public sealed class MemoryEstimateTests(MemoryEstimateTests.Checkpoints checkpoints) : IClassFixture<MemoryEstimateTests.Checkpoints>
{
    const int Context = 1400, Answer = 4;

    static string Demo { get; } = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    [Theory]
    [InlineData("bf16", false)]
    [InlineData("affine-4-64", false)]
    [InlineData("affine-4-64", true)]
    [InlineData("affine-3-32", false)]
    [InlineData("affine-8-64", false)]
    [InlineData("mxfp4", false)]
    [InlineData("nvfp4", false)]
    [InlineData("mxfp8", false)]
    [InlineData("gguf-q4_0", false)]
    [InlineData("gguf-q4_k_m", false)]
    [InlineData("gguf-q8_0", false)]
    [InlineData("gguf-f16", false)]
    public async Task Estimate_OfAForm_IsWhatTheModelHolds(string form, bool exact)
    {
        string path = checkpoints.Of(form);
        var options = new GemmaModelOptions { Threads = 2, ContextLength = Context, Exact = exact };
        MemoryEstimate estimate = GemmaModel.EstimateMemory(path, options);
        using GemmaModel model = GemmaModel.Load(path, options);
        Assert.Equal(estimate.PackedBytes + estimate.CopiedBytes, model.CopiedWeightBytes);
        Assert.Equal(estimate.MappedBytes, model.Linears.Weights.Where(weight => weight.PackedBytes == 0).Sum(weight => weight.StoredBytes));
        Assert.Equal(form is "bf16" or "gguf-f16" or "mxfp8" || exact, estimate.MappedBytes > estimate.PackedBytes);
        if (OperatingSystem.IsLinux())
        {
            // The end of a file shares its page with nothing that could be given back.
            Assert.InRange(ResidentBytes(path), 0, Environment.SystemPageSize);
        }

        using GemmaSession session = model.NewSession();
        int end = Math.Min(model.Config.TextConfig.VocabSizePerLayerInput, model.Tokenizer.VocabularySize);
        int[] ids = [.. Enumerable.Range(0, Context - Answer).Select(i => i * 7919 % end)];
        await foreach (GeneratedToken _ in session.GenerateAsync(
            new EncodedPrompt(ids, [], AdapterSet.None, model.Linears), new GenerationOptions { MaxTokens = Answer, IgnoreEos = true, Temperature = 0 },
            TestContext.Current.CancellationToken))
        {
        }

        // Kernels' own scratch is bounded and not counted, so it is left out on both sides.
        using var forecast = new ForecastOf(path, exact);
        long counted = model.CopiedWeightBytes + estimate.MappedBytes + model.ScratchBytes + session.CacheBytes;
        long predicted = estimate.PackedBytes + estimate.CopiedBytes + estimate.MappedBytes + estimate.ConversationBytes
            + forecast.Value.RehearseStep((512, 1));
        Assert.InRange((double)predicted / counted, 0.95, 1.05);
        Assert.InRange((double)estimate.ConversationBytes / session.CacheBytes, 0.95, 1.10);
        if (OperatingSystem.IsLinux() && estimate.MappedBytes == 0)
        {
            // Neither what was packed nor the tables are in memory a second time.
            Assert.InRange(ResidentBytes(path), 0, Environment.SystemPageSize);
        }
    }

    [Theory]
    [InlineData(512, 1)]
    [InlineData(512, 32)]
    [InlineData(64, 4)]
    [InlineData(1, 1)]
    public void RehearseStep_OfAStep_TakesWhatTheStepTakes(int rows, int answers)
    {
        string path = checkpoints.Of("affine-4-64");
        using var forecast = new ForecastOf(path);
        using GemmaModel model = GemmaModel.Load(path, new GemmaModelOptions { Threads = 2 });
        using var team = new WorkerTeam(2);
        using TextPass pass = model.Text.NewPass(team);
        using KvCache cache = model.Text.NewCache(rows);
        var step = new TextStep();
        foreach (int count in (int[])[rows, 1])
        {
            step.Clear();
            step.Add(cache, new int[count], Math.Min(count, count == rows ? answers : 1));
            model.Text.Forward(step, pass);
        }

        Assert.Equal(pass.Bytes, forecast.Value.RehearseStep((rows, answers)));
    }

    [Theory]
    [InlineData(256, false)]
    [InlineData(768, false)]
    [InlineData(256, true)]
    public void RehearsePicture_OfASide_TakesWhatThePictureTakes(int side, bool exact)
    {
        using var forecast = new ForecastOf(Demo, exact);
        using GemmaModel model = GemmaModel.Load(Demo, new GemmaModelOptions { Threads = 2, Exact = exact });
        using var team = new WorkerTeam(2);
        using var p = new Pass(team);
        float[] features = new float[model.Vision!.TokensPerImage * model.Vision.HiddenSize];
        long most = 0;
        foreach (int _ in model.Vision.Encode(new float[3 * side * side], side, side, features, p))
        {
            most = Math.Max(most, p.Bytes);
        }

        most = Math.Max(most, p.Bytes);
        Assert.InRange(forecast.Value.RehearsePicture(side), most, most * 1.01 + (4 << 20));
        Assert.True(forecast.Value.Picture(side) > most);
        long weights = forecast.Value.Vision.Read;
        Assert.True(weights > 0);
        Assert.True(exact || !ReducedMatrix.IsSupported || weights < new FileInfo(Path.Combine(Demo, "model.safetensors")).Length);
    }

    [Fact]
    public void RehearseSound_OfAClip_TakesWhatTheClipTakes()
    {
        using var forecast = new ForecastOf(Demo);
        using GemmaModel model = GemmaModel.Load(Demo, new GemmaModelOptions { Threads = 2 });
        using var team = new WorkerTeam(2);
        using var p = new Pass(team);
        const int Frames = 600;
        float[] features = new float[model.Audio!.OutputFrames(Frames) * model.Audio.Width];
        long most = 0;
        foreach (int _ in model.Audio.Encode(new float[Frames * model.Audio.Bands], Frames, [Frames], features, p))
        {
            most = Math.Max(most, p.Bytes);
        }

        most = Math.Max(most, p.Bytes);
        Assert.InRange(forecast.Value.RehearseSound(Frames), most, most * 1.01 + (4 << 20));
    }

    [Fact]
    public void Estimate_WithALimit_KeepsToIt_AndUsesWhatThereIs()
    {
        string path = checkpoints.Of("affine-4-64");
        var options = new GemmaModelOptions { Threads = 2 };
        long whole = GemmaModel.EstimateMemory(path, options).TextBytes;
        MemoryEstimate? before = null;
        foreach (long limit in (long[])[whole + (200 << 20), whole, whole - (10 << 20), whole - (20 << 20), whole - (30 << 20)])
        {
            MemoryEstimate estimate = GemmaModel.EstimateMemory(path, options with { Memory = limit });
            Assert.InRange(estimate.TotalBytes, limit * 0.9, limit);
            Assert.True(estimate.CacheBytes >= estimate.ConversationBytes);
            Assert.True(before is null || estimate.StepRows <= before.StepRows);
            before = estimate;
        }

        Assert.True(before!.StepRows < 512);
        Assert.Equal(4096, GemmaModel.EstimateMemory(path, options with { Memory = whole + (200 << 20) }).ContextLength);
        Assert.Equal(700, GemmaModel.EstimateMemory(path, options with { Memory = whole, ContextLength = 700 }).ContextLength);
    }

    [Fact]
    public void Estimate_WithPictures_MakesThemSmallerBeforeItRefuses()
    {
        string path = checkpoints.Seeing();
        var options = new GemmaModelOptions { Threads = 2, Audio = false };
        MemoryEstimate whole = GemmaModel.EstimateMemory(path, options);
        Assert.True(whole.PictureBytes > 0 && whole.SoundBytes == 0 && whole.VisionBytes > 0);
        MemoryLimitException refusal = Assert.Throws<MemoryLimitException>(() => GemmaModel.EstimateMemory(path, options with { Memory = 1 << 20 }));
        Assert.True(refusal.NeededBytes < whole.TotalBytes);
        Assert.Equal(1 << 20, refusal.LimitBytes);
        Assert.Contains("and was given 1 MiB; give it more (--memory)", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("--no-vision", refusal.Message, StringComparison.Ordinal);
        MemoryEstimate least = GemmaModel.EstimateMemory(path, options with { Memory = refusal.NeededBytes });
        Assert.InRange(least.TotalBytes, 0.97 * refusal.NeededBytes, refusal.NeededBytes);
        Assert.Equal((256, 1, 512), (least.ImageSize, least.MaxActive, least.ContextLength));
        Assert.True(least.PictureBytes < whole.PictureBytes);
        Assert.Throws<MemoryLimitException>(() => GemmaModel.EstimateMemory(path, options with { Memory = refusal.NeededBytes - 100 }));
        Assert.Throws<MemoryLimitException>(
            () => GemmaModel.EstimateMemory(path, options with { Memory = refusal.NeededBytes, ImageSize = 768 }));
        Assert.Throws<ArgumentException>(() => GemmaModel.EstimateMemory(path, options with { Memory = 0 }));
    }

    [Fact]
    public void Estimate_OfTheDemo_HasEyesAndEars()
    {
        MemoryEstimate estimate = GemmaModel.EstimateMemory(Demo, new GemmaModelOptions { Threads = 2 });
        Assert.True(estimate is { VisionBytes: > 0, PictureBytes: > 0, AudioBytes: > 0, SoundBytes: > 0 });
        Assert.Equal(estimate.TextBytes + estimate.VisionBytes + estimate.AudioBytes + Math.Max(estimate.PictureBytes, estimate.SoundBytes), estimate.TotalBytes);
        MemoryEstimate deaf = GemmaModel.EstimateMemory(Demo, new GemmaModelOptions { Threads = 2, Audio = false, Vision = false });
        Assert.True(deaf is { VisionBytes: 0, PictureBytes: 0, AudioBytes: 0, SoundBytes: 0 });
        Assert.True(deaf.CopiedBytes < estimate.CopiedBytes);
    }

    [Fact]
    public async Task Load_WithALimit_HasWhatWasChosen_AndAnswersTheSame()
    {
        string path = checkpoints.Of("affine-4-64");
        var options = new GemmaModelOptions { Threads = 2 };
        long limit = GemmaModel.EstimateMemory(path, options).TextBytes - (30 << 20);
        using GemmaModel plain = GemmaModel.Load(path, options), small = GemmaModel.Load(path, options with { Memory = limit });
        Assert.Null(plain.Memory);
        MemoryEstimate chosen = small.Memory!;
        Assert.Equal(GemmaModel.EstimateMemory(path, options with { Memory = limit }), chosen);
        Assert.Equal(chosen.ContextLength, small.ContextLength);
        Assert.Equal(chosen.StepRows, small.Engine.StepRows);
        Assert.Equal(chosen.MaxActive, small.MaxActive);
        Assert.True(small.Engine.StepRows < plain.Engine.StepRows);
        string question = string.Concat(Enumerable.Repeat("What is 8 + 9? ", 40));
        Assert.Equal(await Answered(plain, question), await Answered(small, question));
        Assert.True(small.ScratchBytes < plain.ScratchBytes);
    }

    static async Task<int[]> Answered(GemmaModel model, string question)
    {
        using GemmaSession session = model.NewSession();
        var ids = new List<int>();
        await foreach (GeneratedToken token in session.GenerateAsync(
            question, new GenerationOptions { MaxTokens = 6, Seed = 3, IgnoreEos = true }, TestContext.Current.CancellationToken))
        {
            ids.Add(token.Id);
        }

        return [.. ids];
    }

    /// <summary>Bytes of a checkpoint's files that are in this process's memory, as the system counts.</summary>
    static long ResidentBytes(string path)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, "model.safetensors") : path;
        long bytes = 0;
        bool isIts = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            if (line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                bytes += isIts ? long.Parse(line["Rss:".Length..^"kB".Length], CultureInfo.InvariantCulture) * 1024 : 0;
            }
            else if (line.Contains('-', StringComparison.Ordinal) && line.Contains('/', StringComparison.Ordinal))
            {
                isIts = line.EndsWith(file, StringComparison.Ordinal);
            }
            else if (char.IsAsciiHexDigitLower(line[0]) && line.Contains('-', StringComparison.Ordinal) && line.Contains(" 00:00 ", StringComparison.Ordinal))
            {
                isIts = false;
            }
        }

        return bytes;
    }

    /// <summary>A forecast of a folder.</summary>
    sealed class ForecastOf : IDisposable
    {
        readonly Checkpoint _checkpoint;

        public ForecastOf(string path, bool exact = false)
        {
            _checkpoint = Checkpoint.Open(
                path, new CheckpointOptions { HeadersOnly = true, Products = exact ? ProductMode.Exact : ProductMode.Fast });
            Value = new MemoryForecast(_checkpoint, _checkpoint.LoadProcessor(), vision: true, audio: true, threads: 2);
        }

        public MemoryForecast Value { get; }

        public void Dispose()
        {
            Value.Dispose();
            _checkpoint.Dispose();
        }
    }

    /// <summary>A text model of fifty megabytes in any form, made when first asked for.</summary>
    public sealed class Checkpoints : IDisposable
    {
        readonly string _folder = Directory.CreateTempSubdirectory("gemma-forecast-").FullName;
        readonly Lock _lock = new();

        internal string Of(string form)
        {
            lock (_lock)
            {
                string whole = Path.Combine(_folder, "bf16");
                if (!Directory.Exists(whole))
                {
                    SizedCheckpoint.Write(Directory.CreateDirectory(whole).FullName, Demo, SizedCheckpoint.Small, towers: false);
                }

                bool isGguf = form.StartsWith("gguf-", StringComparison.Ordinal);
                string made = Path.Combine(_folder, isGguf ? form + ".gguf" : form);
                if (Path.Exists(made))
                {
                    return made;
                }

                if (isGguf)
                {
                    CheckpointConverter.ConvertToGguf(whole, made, new GgufConversionOptions { Type = form["gguf-".Length..], Towers = false });
                    return made;
                }

                string[] parts = form.Split('-');
                Assert.True(QuantizationFormat.TryParseMode(parts[0], out QuantizationMode mode));
                QuantizationFormat format = parts.Length < 3 ? QuantizationFormat.Create(mode, null, null)
                    : QuantizationFormat.Create(mode, int.Parse(parts[1], CultureInfo.InvariantCulture), int.Parse(parts[2], CultureInfo.InvariantCulture));
                CheckpointConverter.Convert(whole, made, new ConversionOptions { Quantize = new QuantizationRecipe { Format = format } });
                return made;
            }
        }

        /// <summary>The demo with pictures of the published size.</summary>
        internal string Seeing()
        {
            string folder = Path.Combine(_folder, "seeing");
            lock (_lock)
            {
                if (!Directory.Exists(folder))
                {
                    Directory.CreateDirectory(folder);
                    foreach (string file in Directory.EnumerateFiles(Demo))
                    {
                        File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
                    }

                    string processor = Path.Combine(folder, "preprocessor_config.json");
                    JsonNode json = JsonNode.Parse(File.ReadAllBytes(processor))!;
                    json["size"] = new JsonObject { ["height"] = 768, ["width"] = 768 };
                    File.WriteAllText(processor, json.ToJsonString());
                }
            }

            return folder;
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
