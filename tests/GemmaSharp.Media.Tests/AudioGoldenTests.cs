using System.Buffers.Binary;
using System.Text.Json;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Media.Tests;

/// <summary>The recorded sound files: lengths as the reference read them, and sums of sines whose 16 kHz samples are known.</summary>
public class AudioGoldenTests
{
    static JsonElement Recorded(string part) => JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("audio.json"))).RootElement.GetProperty(part);

    public static TheoryData<string> MelNames => [.. Recorded("mel").EnumerateObject().Select(entry => entry.Name)];

    public static TheoryData<string> SineFiles => [.. Recorded("resample").EnumerateObject().Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(MelNames))]
    public void Read_RecordedFile_HasTheReferencesSamples(string name)
    {
        JsonElement expected = Recorded("mel").GetProperty(name);
        AudioContent content = AudioReader.Read(TestFiles.Golden(expected.GetProperty("file").GetString()!.Split('/')));
        AudioClip clip = Assert.Single(content.Clips);
        Assert.Empty(content.Notices);
        Assert.Equal(expected.GetProperty("rate").GetInt32(), clip.SampleRate);
        Assert.Equal(expected.GetProperty("samples").GetInt32(), clip.Samples.Length);
    }

    [Fact]
    public void Read_SixteenBitsAtSixteenKilohertz_PassesUntouched()
    {
        string path = TestFiles.Golden("audio", "speech.wav");
        byte[] file = File.ReadAllBytes(path);
        float[] samples = AudioReader.Read(path).Clips[0].Samples;
        ReadOnlySpan<byte> data = file.AsSpan(file.Length - (2 * samples.Length));
        for (int i = 0; i < samples.Length; i++)
        {
            Assert.Equal(BinaryPrimitives.ReadInt16LittleEndian(data[(2 * i)..]) / 32768f, samples[i]);
        }
    }

    [Theory]
    [MemberData(nameof(SineFiles))]
    public void Read_SumOfSinesAtAnotherRate_IsThatSumAtSixteenKilohertz(string file)
    {
        JsonElement expected = Recorded("resample").GetProperty(file);
        double[] frequencies = Numbers("frequencies"), amplitudes = Numbers("amplitudes"), phases = Numbers("phases");
        float[] samples = AudioReader.Read(TestFiles.Golden(file.Split('/'))).Clips[0].Samples;
        Assert.Equal(expected.GetProperty("samples_16k").GetInt32(), samples.Length);

        // Before and after the sound there is silence, which the window of 64 zero crossings reaches into.
        int skip = (int)(64 / 0.95 * 16000 / Math.Min(16000, expected.GetProperty("rate").GetInt32())) + 2;
        for (int n = skip; n < samples.Length - skip; n++)
        {
            double value = 0;
            for (int i = 0; i < frequencies.Length; i++)
            {
                value += amplitudes[i] * Math.Sin((2 * Math.PI * frequencies[i] * n / 16000) + phases[i]);
            }

            Assert.True(Math.Abs(value - samples[n]) < 1e-3, $"{file}, sample {n}: {samples[n]}, expected {value}.");
        }

        double[] Numbers(string key) => [.. expected.GetProperty(key).EnumerateArray().Select(number => number.GetDouble())];
    }
}
