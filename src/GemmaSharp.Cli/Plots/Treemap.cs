using SkiaSharp;

namespace GemmaSharp.Cli.Plots;

/// <summary>Rectangles whose areas are numbers, as near to squares as can be had. Stateless.</summary>
/// <remarks>Source: Bruls, Huizing, van Wijk, "Squarified Treemaps", 2000.</remarks>
static class Treemap
{
    /// <summary>Divides a rectangle.</summary>
    /// <param name="areas">What the areas are proportional to, above 0, from the greatest to the least.</param>
    /// <param name="place">The rectangle.</param>
    /// <returns>One for each number; together they fill <paramref name="place"/>.</returns>
    public static IReadOnlyList<SKRect> Divide(IReadOnlyList<double> areas, SKRect place)
    {
        var rectangles = new List<SKRect>(areas.Count);
        double scale = place.Width * (double)place.Height / areas.Sum();
        SKRect left = place;
        int begin = 0;
        while (begin < areas.Count)
        {
            // A row along the shorter side takes numbers for as long as its worst rectangle gets better.
            double side = Math.Min(left.Width, left.Height), sum = areas[begin] * scale, worst = Worst(areas[begin], areas[begin], sum);
            int end = begin + 1;
            while (end < areas.Count)
            {
                double more = sum + (areas[end] * scale), next = Worst(areas[begin], areas[end], more);
                if (next > worst)
                {
                    break;
                }

                (sum, worst) = (more, next);
                end++;
            }

            left = Row(areas, begin, end, sum, scale, left, rectangles);
            begin = end;

            double Worst(double greatest, double least, double all) =>
                Math.Max(side * side * greatest * scale / (all * all), all * all / (side * side * least * scale));
        }

        return rectangles;
    }

    /// <summary>Lays a row out, and tells what is left.</summary>
    static SKRect Row(IReadOnlyList<double> areas, int begin, int end, double sum, double scale, SKRect place, List<SKRect> rectangles)
    {
        bool isColumn = place.Width >= place.Height;
        float depth = (float)(sum / (isColumn ? place.Height : place.Width)), at = isColumn ? place.Top : place.Left;
        for (int i = begin; i < end; i++)
        {
            float length = (float)(areas[i] * scale / depth);
            rectangles.Add(isColumn
                ? new SKRect(place.Left, at, place.Left + depth, at + length)
                : new SKRect(at, place.Top, at + length, place.Top + depth));
            at += length;
        }

        return isColumn
            ? new SKRect(place.Left + depth, place.Top, place.Right, place.Bottom)
            : new SKRect(place.Left, place.Top + depth, place.Right, place.Bottom);
    }
}
