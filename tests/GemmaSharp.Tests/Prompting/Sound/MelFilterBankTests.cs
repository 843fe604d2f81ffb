using GemmaSharp.Prompting.Sound;

namespace GemmaSharp.Tests.Prompting.Sound;

public sealed class MelFilterBankTests
{
    readonly MelFilterBank _bank = new(128, 125, 7600, 513, 15.625);

    [Theory]
    [InlineData(9, 0, 0.95202447)]
    [InlineData(9, 1, 0.04797553)]
    [InlineData(10, 1, 0.92317338)]
    [InlineData(480, 127, 0.67926324)]
    public void Weight_PublishedBands_MatchesReference(int bin, int band, double expected) =>
        Assert.Equal(expected, _bank.Weight(bin, band), 1e-8);

    [Fact]
    public void Weight_PublishedBands_SumsAndCoversEveryBand()
    {
        double sum = 0;
        for (int band = 0; band < _bank.Bands; band++)
        {
            double[] weights = [.. Enumerable.Range(0, 513).Select(bin => _bank.Weight(bin, band))];
            Assert.Contains(weights, w => w > 0);
            sum += weights.Sum();
        }

        Assert.Equal(473.200609, sum, 1e-6);
    }

    [Fact]
    public void Energy_EveryBand_IsTheWeightedSum()
    {
        double[] spectrum = [.. Enumerable.Range(0, 513).Select(k => 1.0 + k % 7)];
        for (int band = 0; band < _bank.Bands; band++)
        {
            double expected = Enumerable.Range(0, 513).Sum(bin => spectrum[bin] * _bank.Weight(bin, band));
            Assert.Equal(expected, _bank.Energy(spectrum, band), 1e-12);
        }
    }
}
