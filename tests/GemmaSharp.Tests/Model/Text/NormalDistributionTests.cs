using GemmaSharp.Model.Text;

namespace GemmaSharp.Tests.Model.Text;

public sealed class NormalDistributionTests
{
    [Theory]
    [InlineData(0.5, 0.0)]
    [InlineData(0.95, 1.6448536269514722)]
    [InlineData(0.9, 1.2815515655446004)]
    [InlineData(0.75, 0.6744897501960817)]
    [InlineData(0.01, -2.3263478740408408)]
    [InlineData(0.001, -3.0902323061678132)]
    [InlineData(0.9999, 3.719016485455709)]
    public void Quantile_KnownProbability_IsTheTablesValue(double p, double expected) => Assert.Equal(expected, NormalDistribution.Quantile(p), 1e-13);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    public void Quantile_NoProbability_IsRefused(double p) => Assert.Throws<ArgumentOutOfRangeException>(() => NormalDistribution.Quantile(p));
}
