using System.Globalization;
using System.Text;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Media;

namespace GemmaSharp.Tests;

/// <summary>What is hashed, written or told does not depend on the user's language.</summary>
public sealed class CultureTests : IDisposable
{
    readonly CultureInfo _before = CultureInfo.CurrentCulture;

    public CultureTests()
    {
        // Numbers as Swedish writes them, with a minus sign that is no hyphen; and made here, since test programs know the invariant culture only.
        var foreign = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        foreign.NumberFormat = new NumberFormatInfo
        {
            NegativeSign = "\u2212",
            NumberDecimalSeparator = ",",
            NumberGroupSeparator = "\u00A0",
            NaNSymbol = "¤¤¤",
            PositiveInfinitySymbol = "∞",
        };
        CultureInfo.CurrentCulture = foreign;
    }

    public void Dispose() => CultureInfo.CurrentCulture = _before;

    [Fact]
    public void Foreign_IsWhatTheTestsRunUnder() => Assert.Equal("\u22121,5", (-1.5).ToString(CultureInfo.CurrentCulture));

    [Fact]
    public void WeightRule_NegativeSeed_StartsWhereItDoesEverywhere()
    {
        uint expected = 2166136261;
        foreach (byte b in "a.weight#-7"u8)
        {
            expected = unchecked((expected ^ b) * 16777619);
        }

        Assert.Equal(expected, WeightRule.Start("a.weight", -7));
    }

    [Fact]
    public void Options_OutOfRange_AreNamedWithAPoint()
    {
        string message = Assert.Throws<ArgumentException>(() => new GenerationOptions { TopP = -1.5f }.Validate()).Message;
        Assert.Contains("-1.5", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sound_Pieces_AreToldWithAPoint()
    {
        var clip = new AudioClip(new float[16_000 * 40], 16_000);
        AudioContent content = AudioSplitter.Split(new AudioContent([clip], []), "a.wav");
        Assert.Matches("at [0-9]+\\.[0-9]{2} s", Assert.Single(content.Notices));
        var beyond = new AudioWindow(TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(1.5));
        Assert.Contains("1.5 s", Assert.Throws<MediaException>(() => AudioSplitter.Window(clip, beyond, "a.wav")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_WrittenAndRead_AreTheSame()
    {
        string folder = Directory.CreateTempSubdirectory("gemma-test-").FullName;
        try
        {
            string path = Path.Combine(folder, "trace.safetensors");
            using (var trace = new TraceFile(path))
            {
                trace.Record("a", [2], 0, [-1.5f, 2]);
                trace.Finish();
            }

            Assert.Contains("\"data_offsets\":[0,8]", Encoding.Latin1.GetString(File.ReadAllBytes(path)), StringComparison.Ordinal);
            Assert.Null(TraceComparison.Compare(path, path).First);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
