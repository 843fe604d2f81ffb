namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>Shares of units that are cut, from the multipliers of the standard deviation that GGUF files have in their place, and back.</summary>
static class GgufSparsity
{
    /// <summary>What a multiplier that is stored as float32 leaves uncertain of the share.</summary>
    const double Uncertainty = 1e-7;

    /// <summary>The share <c>Φ(z)</c>; 0, no cut, where the multiplier is no positive number: layers without a cut have −∞.</summary>
    /// <param name="multiplier">The multiplier z.</param>
    public static double Share(double multiplier)
    {
        if (!(multiplier > 0) || !double.IsFinite(multiplier))
        {
            return 0;
        }

        double share = Normal(multiplier);

        // Configurations have short decimals, and 0.95 is what was meant.
        for (int digits = 1; digits <= 6; digits++)
        {
            double rounded = Math.Round(share, digits);
            if (rounded < 1 && Math.Abs(rounded - share) < Uncertainty)
            {
                return rounded;
            }
        }

        return share;
    }

    /// <summary>The share of a normal distribution below z: <c>½ + φ(z) · (z + z³/3 + z⁵/15 + …)</c>.</summary>
    static double Normal(double z)
    {
        if (z > 8)
        {
            return 1;
        }

        double term = z, sum = z;
        for (int n = 3; Math.Abs(term) > 1e-18 * sum; n += 2)
        {
            term *= z * z / n;
            sum += term;
        }

        return 0.5 + sum * Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI);
    }
}
