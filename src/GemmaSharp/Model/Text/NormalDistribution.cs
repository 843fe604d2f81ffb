namespace GemmaSharp.Model.Text;

/// <summary>The standard normal distribution, for the cutoff of Gaussian top-k.</summary>
static class NormalDistribution
{
    /// <summary><c>Φ⁻¹(p) = √2 · erf⁻¹(2p − 1)</c>, to double precision.</summary>
    /// <param name="p">Probability in (0, 1).</param>
    /// <remarks>
    /// Acklam's rational approximation (relative error 1.15e-9), then two Halley steps on <c>Φ(x) − p</c>.
    /// <c>Φ⁻¹(0.95) = 1.6448536269514722</c>.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is not inside (0, 1).</exception>
    public static double Quantile(double p)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(p, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(p, 1);
        double x = Approximate(p);
        for (int i = 0; i < 2; i++)
        {
            double error = Cumulative(x) - p;
            double u = error * Math.Sqrt(2 * Math.PI) * Math.Exp(x * x / 2);
            x -= u / (1 + (x * u / 2));
        }

        return x;
    }

    static double Approximate(double p)
    {
        const double Low = 0.02425;
        if (p < Low)
        {
            return Tail(Math.Sqrt(-2 * Math.Log(p)));
        }

        if (p > 1 - Low)
        {
            return -Tail(Math.Sqrt(-2 * Math.Log(1 - p)));
        }

        double q = p - 0.5, r = q * q;
        return (((((((((((-3.969683028665376e+01 * r) + 2.209460984245205e+02) * r) - 2.759285104469687e+02) * r)
            + 1.383577518672690e+02) * r) - 3.066479806614716e+01) * r) + 2.506628277459239e+00) * q)
            / ((((((((((-5.447609879822406e+01 * r) + 1.615858368580409e+02) * r) - 1.556989798598866e+02) * r)
                + 6.680131188771972e+01) * r) - 1.328068155288572e+01) * r) + 1);
    }

    static double Tail(double q) =>
        ((((((((((-7.784894002430293e-03 * q) - 3.223964580411365e-01) * q) - 2.400758277161838e+00) * q) - 2.549732539343734e+00) * q)
            + 4.374664141464968e+00) * q) + 2.938163982698783e+00)
            / ((((((((7.784695709041462e-03 * q) + 3.224671290700398e-01) * q) + 2.445134137142996e+00) * q) + 3.754408661907416e+00) * q) + 1);

    /// <summary><c>Φ(x)</c> by its series for small arguments and its continued fraction for large ones.</summary>
    static double Cumulative(double x)
    {
        double a = Math.Abs(x), density = Math.Exp(-a * a / 2) / Math.Sqrt(2 * Math.PI), upper;
        if (a < 3)
        {
            double sum = a, term = a;
            for (int k = 1; term > sum * 1e-18 && k < 200; k++)
            {
                term *= a * a / ((2 * k) + 1);
                sum += term;
            }

            upper = 0.5 - (density * sum);
        }
        else
        {
            double fraction = 0;
            for (int k = 200; k > 0; k--)
            {
                fraction = k / (a + fraction);
            }

            upper = density / (a + fraction);
        }

        return x > 0 ? 1 - upper : upper;
    }
}
