namespace GemmaSharp.Conversion.Comparison;

/// <summary>The errors of a row of values <c>a</c> against <c>b</c>, gathered piece by piece in double precision.</summary>
sealed class DifferenceSum
{
    double _difference;
    double _largest;
    double _squares;
    double _squaresOfB;
    long _length;
    bool _otherKind;

    /// <summary><c>max|a − b| / max|b|</c>; infinite when <c>b</c> is all zeros and <c>a</c> is not, or a value is finite on one side only.</summary>
    public double Relative => _otherKind ? double.PositiveInfinity : _difference == 0 ? 0 : _difference / _largest;

    /// <summary><c>√(Σ(a − b)² / Σb²)</c>, likewise.</summary>
    public double RootMeanSquare => _otherKind ? double.PositiveInfinity : _squares == 0 ? 0 : Math.Sqrt(_squares / _squaresOfB);

    /// <summary>Index of the largest difference.</summary>
    public long WorstIndex { get; private set; }

    /// <summary>Adds the next values.</summary>
    public void Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            double x = a[i], y = b[i], d = Math.Abs(x - y);
            if (!double.IsFinite(d))
            {
                // Equal infinities and NaN beside NaN are the same value.
                if (!_otherKind && !a[i].Equals(b[i]))
                {
                    (_otherKind, WorstIndex) = (true, _length + i);
                }

                continue;
            }

            _largest = Math.Max(_largest, Math.Abs(y));
            _squares += d * d;
            _squaresOfB += y * y;
            if (d > _difference)
            {
                _difference = d;
                WorstIndex = _otherKind ? WorstIndex : _length + i;
            }
        }

        _length += a.Length;
    }
}
