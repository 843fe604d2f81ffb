using GemmaSharp.Configuration;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Configuration;

public sealed class ProcessorConfigTests
{
    [Theory]
    [InlineData("tiny-a", "processor_config.json $.image_processor.size.height")]
    [InlineData("tiny-c", "preprocessor_config.json $.size.height")]
    public void Load_NestedOrFlat_ReadsBothHalves(string checkpoint, string origin)
    {
        ProcessorConfig config = ProcessorConfig.Load(GoldenFiles.Find($"{checkpoint}/files"));
        Assert.Equal((256, 188), (config.ImageSeqLength, config.AudioSeqLength));
        Assert.Equal((256, 256, 2, false, true), (config.ImageProcessor.Height, config.ImageProcessor.Width, config.ImageProcessor.Resample, config.ImageProcessor.DoNormalize, config.ImageProcessor.DoRescale));
        Assert.Equal(0.00392156862745098, config.ImageProcessor.RescaleFactor);
        Assert.Equal((16000, 512, 160, 1024, 128), (config.FeatureExtractor.SamplingRate, config.FeatureExtractor.FrameLength, config.FeatureExtractor.HopLength, config.FeatureExtractor.FftLength, config.FeatureExtractor.FeatureSize));
        Assert.Null(config.FeatureExtractor.PerBinMean);
        Assert.Contains(config.Values, v => v.Origin == origin);
    }

    [Fact]
    public void Load_NoFiles_IsThePublishedProcessor()
    {
        using var folder = new TempFolder();
        ProcessorConfig config = ProcessorConfig.Load(folder.Path);
        Assert.Equal(new ImageProcessorConfig() with { ImageMean = [], ImageStd = [] }, config.ImageProcessor with { ImageMean = [], ImageStd = [] });
        Assert.Equal(new FeatureExtractorConfig(), config.FeatureExtractor);
        Assert.All(config.Values, v => Assert.Equal("default", v.Origin));
    }

    [Fact]
    public void Load_Milliseconds_DeriveSamples()
    {
        ProcessorConfig config = Load("""{"frame_length_ms":32.0,"hop_length_ms":10.0,"sampling_rate":16000}""");
        Assert.Equal((512, 160, 1024), (config.FeatureExtractor.FrameLength, config.FeatureExtractor.HopLength, config.FeatureExtractor.FftLength));
        Assert.StartsWith("derived: ", config.Values.Single(v => v.Name == "feature_extractor.frame_length").Origin, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"size":{"height":-1}}""", "size.height is -1")]
    [InlineData("""{"resample":9}""", "resample is 9")]
    [InlineData("""{"image_mean":[1,2]}""", "a list of 3 numbers")]
    [InlineData("""{"image_std":[0,0,0]}""", "a number from")]
    [InlineData("""{"fft_length":1000}""", "a power of two")]
    [InlineData("""{"fft_length":256}""", "at least frame_length (512)")]
    [InlineData("""{"hop_length":0}""", "hop_length is 0")]
    [InlineData("""{"min_frequency":8000,"max_frequency":7000}""", "below max_frequency")]
    [InlineData("""{"per_bin_mean":[1]}""", "feature_size (128)")]
    [InlineData("""{"dither":0.5}""", "dither is 0.5")]
    public void Load_ImpossibleValue_NamesFileAndPath(string json, string expected)
    {
        var e = Assert.Throws<ConfigurationException>(() => Load(json));
        Assert.StartsWith("preprocessor_config.json: $.", e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireBands_OtherThanTheTowers_IsRefused()
    {
        Gemma3nConfig config = Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{},"audio_config":{"input_feat_size":128}}""");
        Load("{}").RequireBands(config);
        var e = Assert.Throws<ConfigurationException>(() => Load("""{"feature_size":64}""").RequireBands(config));
        Assert.Contains("$.feature_size is 64 and the audio tower takes 128", e.Message, StringComparison.Ordinal);
        Load("""{"feature_size":64}""").RequireBands(config with { AudioConfig = null });
    }

    [Fact]
    public void GenerationDefaults_FileAndConfig_JoinTheirStopIds()
    {
        string folder = GoldenFiles.Find("tiny-a/files");
        GenerationDefaults defaults = GenerationDefaults.Load(folder, Gemma3nConfig.Load(folder));
        Assert.Equal([1, 6], defaults.EosTokenId);
        Assert.Equal((true, 64, 0.95, 1.0), (defaults.DoSample, defaults.TopK, defaults.TopP, defaults.Temperature));

        using var empty = new TempFolder();
        Assert.Equal([1], GenerationDefaults.Load(empty.Path, Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{}}""")).EosTokenId);
        Assert.Equal([106], GenerationDefaults.Load(empty.Path, Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{},"eos_token_id":106}""")).EosTokenId);
    }

    static ProcessorConfig Load(string json)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["preprocessor_config.json"], json);
        return ProcessorConfig.Load(folder.Path);
    }
}
