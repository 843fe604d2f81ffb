using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Tests.Output;

public class ShowTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(27_800_000, "26.5 MiB")]
    [InlineData(9_663_676_416, "9.00 GiB")]
    public void Bytes_Number_HasAUnit(long bytes, string text) => Assert.Equal(text, Show.Bytes(bytes));

    [Theory]
    [InlineData(0.0124, "12 ms")]
    [InlineData(2.345, "2.35 s")]
    public void Time_Seconds_HaveAUnit(double seconds, string text) => Assert.Equal(text, Show.Time(TimeSpan.FromSeconds(seconds)));
}
