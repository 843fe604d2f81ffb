using System.Numerics;
using System.Text.Json;

namespace GemmaSharp.Configuration;

/// <summary>How pictures and sound are prepared: <c>processor_config.json</c> and <c>preprocessor_config.json</c> together.</summary>
/// <remarks>
/// Older checkpoints keep both halves flat in <c>preprocessor_config.json</c>; newest ones nest them in <c>processor_config.json</c> under
/// <c>image_processor</c> and <c>feature_extractor</c>, which win. Immutable.
/// </remarks>
sealed record ProcessorConfig
{
    /// <summary>The newest file this is read from.</summary>
    public const string New = "processor_config.json";

    /// <summary>The file that published checkpoints have.</summary>
    public const string Old = "preprocessor_config.json";

    /// <summary>Placeholders per picture.</summary>
    public int ImageSeqLength { get; init; } = 256;

    /// <summary>Placeholders per clip.</summary>
    public int AudioSeqLength { get; init; } = 188;

    /// <summary>The picture half.</summary>
    public ImageProcessorConfig ImageProcessor { get; init; } = new();

    /// <summary>The sound half.</summary>
    public FeatureExtractorConfig FeatureExtractor { get; init; } = new();

    /// <summary>Every value in effect and where it came from.</summary>
    public IReadOnlyList<EffectiveValue> Values { get; init; } = [];

    /// <summary>Refuses features that the audio tower does not take.</summary>
    /// <exception cref="ConfigurationException">The numbers of mel bands differ.</exception>
    public void RequireBands(Gemma3nConfig config)
    {
        if (config.AudioConfig is { } tower && tower.InputFeatSize != FeatureExtractor.FeatureSize)
        {
            throw new ConfigurationException(
                "preprocessor_config.json", "$.feature_size",
                $"is {FeatureExtractor.FeatureSize} and the audio tower takes {tower.InputFeatSize} mel bands (input_feat_size of config.json); take both "
                    + "files from one checkpoint, or load it without sound.");
        }
    }

    /// <summary>Reads the files of a checkpoint folder; the published values where there are none.</summary>
    /// <exception cref="ConfigurationException">A file is unreadable or holds an impossible value.</exception>
    public static ProcessorConfig Load(string folder)
    {
        return Read(ConfigFile.TryRead(Path.Combine(folder, New)), ConfigFile.TryRead(Path.Combine(folder, Old)));
    }

    /// <summary>Reads the settings.</summary>
    /// <param name="newest"><c>processor_config.json</c>; null where there is none.</param>
    /// <param name="published"><c>preprocessor_config.json</c>; null where there is none.</param>
    /// <param name="newestPlaces">Where values of the first stand by their JSON paths, if not in a file of this form; null for where they are read.</param>
    /// <param name="publishedPlaces">The same of the second.</param>
    /// <exception cref="ConfigurationException">They hold an impossible value.</exception>
    public static ProcessorConfig Read(
        JsonElement? newest, JsonElement? published, Func<string, ConfigPlace>? newestPlaces = null, Func<string, ConfigPlace>? publishedPlaces = null)
    {
        var values = new List<EffectiveValue>();
        JsonFields root = Both(new JsonFields("", values));
        return new ProcessorConfig
        {
            ImageSeqLength = root.Int("image_seq_length", 256, 1, 1 << 16),
            AudioSeqLength = root.Int("audio_seq_length", 188, 1, 1 << 16),
            ImageProcessor = ImageProcessorConfig.Read(Half("image_processor")),
            FeatureExtractor = FeatureExtractorConfig.Read(Half("feature_extractor")),
            Values = values,
        };

        JsonFields Half(string key) => Both(root.Section(key));

        JsonFields Both(JsonFields fields) => fields.Add(newest, New, "$", newestPlaces).Add(published, Old, "$", publishedPlaces);
    }
}

/// <summary>How a picture becomes pixel values. The defaults are the published checkpoint's.</summary>
sealed record ImageProcessorConfig
{
    /// <summary>Whether pictures are resized to <see cref="Height"/> × <see cref="Width"/>.</summary>
    public bool DoResize { get; init; } = true;

    /// <summary>Rows after resizing.</summary>
    public int Height { get; init; } = 768;

    /// <summary>Columns after resizing.</summary>
    public int Width { get; init; } = 768;

    /// <summary>Pillow's filter number: 2 bilinear, 3 bicubic.</summary>
    public int Resample { get; init; } = 2;

    /// <summary>Whether bytes are multiplied by <see cref="RescaleFactor"/>.</summary>
    public bool DoRescale { get; init; } = true;

    /// <summary>Factor on bytes, 1/255.</summary>
    public double RescaleFactor { get; init; } = 1.0 / 255;

    /// <summary>Whether <c>(x − mean) / deviation</c> follows.</summary>
    public bool DoNormalize { get; init; }

    /// <summary>Mean per channel, <c>[3]</c>.</summary>
    public IReadOnlyList<double> ImageMean { get; init; } = [0.5, 0.5, 0.5];

    /// <summary>Deviation per channel, <c>[3]</c>.</summary>
    public IReadOnlyList<double> ImageStd { get; init; } = [0.5, 0.5, 0.5];

    internal static ImageProcessorConfig Read(JsonFields image)
    {
        (int height, int width) = ReadSize(image);
        return new ImageProcessorConfig
        {
            DoResize = image.Bool("do_resize", true),
            Height = height,
            Width = width,
            Resample = image.Int("resample", 2, 2, 3),
            DoRescale = image.Bool("do_rescale", true),
            RescaleFactor = image.Number("rescale_factor", 1.0 / 255, 1e-12, 1e6),
            DoNormalize = image.Bool("do_normalize", false),
            ImageMean = Triple(image, "image_mean", -1e6),
            ImageStd = Triple(image, "image_std", 1e-12),
        };
    }

    static (int Height, int Width) ReadSize(JsonFields image)
    {
        if (image.Raw("size") is { ValueKind: System.Text.Json.JsonValueKind.Number })
        {
            int side = image.Int("size", 768, 16, 8192);
            return (side, side);
        }

        JsonFields size = image.Section("size");
        return (size.Int("height", 768, 16, 8192), size.Int("width", 768, 16, 8192));
    }

    static double[] Triple(JsonFields image, string key, double min)
    {
        double[] values = image.Numbers(key, min, 1e6, 3) ?? [0.5, 0.5, 0.5];
        return values.Length == 3 ? values : throw image.Refuse(key, "a list of 3 numbers");
    }
}

/// <summary>How sound becomes log-mel features. The defaults are the published checkpoint's.</summary>
/// <remarks>Source: transformers <c>feature_extraction_gemma3n.py</c>.</remarks>
sealed record FeatureExtractorConfig
{
    /// <summary>Mel bands.</summary>
    public int FeatureSize { get; init; } = 128;

    /// <summary>Samples per second.</summary>
    public int SamplingRate { get; init; } = 16000;

    /// <summary>Samples per frame.</summary>
    public int FrameLength { get; init; } = 512;

    /// <summary>Samples from one frame to the next.</summary>
    public int HopLength { get; init; } = 160;

    /// <summary>Points of the Fourier transform, a power of two.</summary>
    public int FftLength { get; init; } = 1024;

    /// <summary>Lower edge of the lowest band, in hertz.</summary>
    public double MinFrequency { get; init; } = 125;

    /// <summary>Upper edge of the highest band, in hertz.</summary>
    public double MaxFrequency { get; init; } = 7600;

    /// <summary>Pre-emphasis factor; 0 for none.</summary>
    public double Preemphasis { get; init; } = 0.97;

    /// <summary>Whether pre-emphasis is HTK's.</summary>
    public bool PreemphasisHtkFlavor { get; init; } = true;

    /// <summary>Smallest value before the logarithm.</summary>
    public double MelFloor { get; init; } = 1e-5;

    /// <summary>Factor on samples.</summary>
    public double InputScaleFactor { get; init; } = 1;

    /// <summary>Value padded samples have.</summary>
    public double PaddingValue { get; init; }

    /// <summary>Mean per band to subtract; <see langword="null"/> for none.</summary>
    public IReadOnlyList<double>? PerBinMean { get; init; }

    /// <summary>Deviation per band to divide by; <see langword="null"/> for none.</summary>
    public IReadOnlyList<double>? PerBinStddev { get; init; }

    internal static FeatureExtractorConfig Read(JsonFields audio)
    {
        int rate = audio.Int("sampling_rate", 16000, 1000, 192000);
        int features = audio.Int("feature_size", 128, 1, 4096);
        int frame = Samples(audio, "frame_length", 512, rate);
        int fft = ReadFftLength(audio, frame);
        if (audio.Raw("dither") is not null)
        {
            audio.Number("dither", 0, 0, 0);
        }

        var config = new FeatureExtractorConfig
        {
            SamplingRate = rate,
            FeatureSize = features,
            FrameLength = frame,
            HopLength = Samples(audio, "hop_length", 160, rate),
            FftLength = fft,
            MinFrequency = audio.Number("min_frequency", 125, 0, rate / 2.0),
            MaxFrequency = audio.Number("max_frequency", 7600, 0, rate / 2.0),
            Preemphasis = audio.Number("preemphasis", 0.97, 0, 1),
            PreemphasisHtkFlavor = audio.Bool("preemphasis_htk_flavor", true),
            MelFloor = audio.Number("mel_floor", 1e-5, 1e-30, 1e6),
            InputScaleFactor = audio.Number("input_scale_factor", 1, 1e-12, 1e12),
            PaddingValue = audio.Number("padding_value", 0, -1e6, 1e6),
            PerBinMean = PerBin(audio, "per_bin_mean", features, -1e6),
            PerBinStddev = PerBin(audio, "per_bin_stddev", features, 1e-12),
        };
        return config.MinFrequency < config.MaxFrequency
            ? config
            : throw audio.Refuse("min_frequency", $"a number below max_frequency ({config.MaxFrequency})");
    }

    static int Samples(JsonFields audio, string key, int fallback, int rate)
    {
        string milliseconds = key + "_ms";
        if (audio.Raw(key) is not null || audio.Raw(milliseconds) is null)
        {
            return audio.Int(key, fallback, 1, 1 << 16);
        }

        // The reference rounds as Python does: half to even.
        int samples = Math.Max(1, (int)Math.Round(rate * audio.Number(milliseconds, 0, 0.01, 1000) / 1000, MidpointRounding.ToEven));
        audio.Derived(key, $"{samples}", $"sampling_rate · {milliseconds} / 1000");
        return samples;
    }

    static int ReadFftLength(JsonFields audio, int frame)
    {
        if (audio.Raw("fft_length") is JsonElement || audio.Raw("frame_length_ms") is null)
        {
            int length = audio.Int("fft_length", 1024, 2, 1 << 17);
            return BitOperations.IsPow2(length) && length >= frame
                ? length
                : throw audio.Refuse("fft_length", $"a power of two of at least frame_length ({frame})");
        }

        int derived = (int)BitOperations.RoundUpToPowerOf2((uint)frame) * (audio.Bool("fft_overdrive", true) ? 2 : 1);
        audio.Derived("fft_length", $"{derived}", "the next power of two from frame_length, doubled by fft_overdrive");
        return derived;
    }

    static double[]? PerBin(JsonFields audio, string key, int features, double min) => audio.Numbers(key, min, 1e6, features) switch
    {
        null => null,
        double[] values when values.Length == features => values,
        _ => throw audio.Refuse(key, $"a list of feature_size ({features}) numbers"),
    };
}
