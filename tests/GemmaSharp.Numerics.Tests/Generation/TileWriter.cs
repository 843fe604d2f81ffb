using System.Globalization;
using System.Text;

namespace GemmaSharp.Numerics.Tests.Generation;

/// <summary>Writes the source of <c>DotTile</c> and <c>RegisterTile</c>: the same lines for every number of tokens and rows, sums in named locals.</summary>
/// <remarks>
/// The compiler keeps an array of sums on the stack, and generics have no numbers, so each tile has to be written out. Here is the rule they follow;
/// <see cref="TileWriterTests"/> compares the text with the files and writes them anew on request.
/// </remarks>
internal sealed class TileWriter
{
    const string Written = "// Written by tests/GemmaSharp.Numerics.Tests/Generation/TileWriter.cs: change the tiles there.\n";

    static readonly string[] s_numbers = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"];

    readonly StringBuilder _text = new();

    /// <summary>Tiles over weights as they are stored.</summary>
    public static string DotTile()
    {
        TileWriter writer = new();
        writer.Append(Written, """
            using GemmaSharp.Numerics.Formats;
            using GemmaSharp.Numerics.Vectors;

            namespace GemmaSharp.Numerics.Kernels;

            /// <summary>
            /// The inner loops of products of few tokens: weights are read where they lie and widened in registers. The same
            /// chains of multiply-adds as <see cref="RegisterTile"/>, so the same bits.
            /// </summary>
            /// <remarks>
            /// x is packed as there, <c>[steps, tokens, lanes]</c>; w points at the first of the rows, and as many
            /// bytes as are read are fetched from next on, if TFetch says so. Where
            /// columns are left over after the whole steps, the sums <c>[tokens, rows, lanes]</c> are put aside and the rest is a
            /// step of <see cref="RegisterTile"/>: a call in here, even one never made, would cost the sums their registers.
            /// </remarks>
            static unsafe class DotTile
            {

            """);
        foreach ((int tokens, int rows) in new[] { (1, 4), (1, 8), (2, 4), (3, 4), (4, 4), (6, 4) })
        {
            writer.DotTile(tokens, rows);
        }
        return writer.Finish();
    }

    /// <summary>Tiles over weights that were widened and packed.</summary>
    public static string RegisterTile()
    {
        TileWriter writer = new();
        writer.Append(Written, """
            using GemmaSharp.Numerics.Vectors;

            namespace GemmaSharp.Numerics.Kernels;

            /// <summary>
            /// The inner loops of large products: a block of outputs whose sums stay in registers. Sums may be put aside between
            /// blocks of columns and taken up again, which changes no bit.
            /// </summary>
            /// <remarks>
            /// Packed operands, one step being one vector of columns: x <c>[steps, tokens, lanes]</c>, w <c>[steps, 4, lanes]</c>,
            /// sums <c>[tokens, 4, lanes]</c>. <c>first</c>: the sums start from 0 instead of those put aside; <c>last</c>: they
            /// are folded into y <c>[tokens, 4]</c> instead of being put aside. The sums are locals by name, because the
            /// compiler keeps an array on the stack. Six by four fills the 32 registers of AVX-512 and Arm, three by four the 16 of AVX2.
            /// </remarks>
            static unsafe class RegisterTile
            {
                /// <summary>The tile of so many tokens: 6, 4, 3, 2 or 1.</summary>
                public static void Multiply<TVector>(
                    int tokens, float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
                    where TVector : struct, IVector<TVector>
                {
                    switch (tokens)
                    {

            """);
        int[] sizes = [6, 4, 3, 2, 1];
        foreach (int tokens in sizes)
        {
            writer.Line(3, tokens == 1 ? "default:" : $"case {tokens}:");
            writer.Line(4, $"Tile{tokens}x4<TVector>(x, w, steps, sums, first, last, y, yStride);");
            writer.Line(4, "break;");
        }
        writer.Line(2, "}");
        writer.Line(1, "}");
        writer.Line(0, "");
        foreach (int tokens in sizes)
        {
            writer.RegisterTile(tokens, 4);
        }
        return writer.Finish();
    }

    void DotTile(int tokens, int rows)
    {
        string sums = rows == 4 ? "float* sums, " : "", stride = tokens > 1 ? ", nuint yStride" : "";
        Summary(tokens, rows);
        Line(1, $"public static void Tile{tokens}x{rows}<TFormat, TVector, TFetch>(");
        Line(2, $"float* x, byte* w, nuint rowBytes, nuint steps, byte* next, {sums}float* y{stride})");
        Line(2, "where TFormat : struct, IWeightFormat");
        Line(2, "where TVector : struct, IVector<TVector>");
        Line(2, "where TFetch : struct, IFetch");
        Line(1, "{");
        Line(2, "nuint lanes = (nuint)TVector.Count;");
        Line(2, "nuint stepBytes = lanes * (nuint)TFormat.Size;");
        for (int row = 1; row < rows; row++)
        {
            Line(2, $"byte* w{row} = {Row(row - 1)} + rowBytes;");
        }
        Zeros(tokens, rows);
        Line(2, "for (nuint at = 0; steps > 0; steps--)");
        Line(2, "{");
        Line(3, $"TFetch.Fetch(next, {rows} * stepBytes);");
        Line(3, $"next += {rows} * stepBytes;");
        Step(tokens, rows, "v", row => $"TFormat.Load<TVector>({Row(row)} + at)");
        Line(3, $"x += {Times(tokens)};");
        Line(3, "at += stepBytes;");
        Line(2, "}");
        if (rows == 4)
        {
            Line(2, "if (sums == null)");
            FoldOrKeep(tokens, rows);
        }
        else
        {
            Fold(2, tokens, rows);
        }
        Line(1, "}");
        Line(0, "");

        static string Row(int row) => row == 0 ? "w" : $"w{row}";
    }

    void RegisterTile(int tokens, int rows)
    {
        Summary(tokens, rows);
        Line(1, $"public static void Tile{tokens}x{rows}<TVector>(");
        Line(2, "float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)");
        Line(2, "where TVector : struct, IVector<TVector>");
        Line(1, "{");
        Line(2, "nuint lanes = (nuint)TVector.Count;");
        Zeros(tokens, rows);
        Line(2, "if (!first)");
        Line(2, "{");
        Each(tokens, rows, (sum, place) => Line(3, $"{sum} = TVector.Load({place});"));
        Line(2, "}");
        Line(2, "for (; steps > 0; steps--)");
        Line(2, "{");
        Step(tokens, rows, "w", row => $"TVector.Load({At("w", row)})");
        Line(3, $"x += {Times(tokens)};");
        Line(3, $"w += {rows} * lanes;");
        Line(2, "}");
        Line(2, "if (last)");
        FoldOrKeep(tokens, rows);
        Line(1, "}");
        Line(0, "");
    }

    /// <summary>One vector of columns. The operands that are fewer stay in registers, the others pass by one at a time.</summary>
    void Step(int tokens, int rows, string weight, Func<int, string> load)
    {
        if (tokens > rows)
        {
            for (int row = 0; row < rows; row++)
            {
                Line(3, $"TVector {weight}{row} = {load(row)};");
            }
            for (int token = 0; token < tokens; token++)
            {
                Line(3, $"{(token == 0 ? "TVector " : "")}v = TVector.Load({At("x", token)});");
                for (int row = 0; row < rows; row++)
                {
                    Line(3, $"{Sum(token, row)} = TVector.MultiplyAdd(v, {weight}{row}, {Sum(token, row)});");
                }
            }
            return;
        }
        for (int token = 0; token < tokens; token++)
        {
            Line(3, $"TVector v{Letter(token)} = TVector.Load({At("x", token)});");
        }
        for (int row = 0; row < rows; row++)
        {
            Line(3, $"{(row == 0 ? "TVector " : "")}v = {load(row)};");
            for (int token = 0; token < tokens; token++)
            {
                Line(3, $"{Sum(token, row)} = TVector.MultiplyAdd(v{Letter(token)}, v, {Sum(token, row)});");
            }
        }
    }

    void Zeros(int tokens, int rows)
    {
        for (int token = 0; token < tokens; token++)
        {
            for (int row = 0; row < rows; row += 4)
            {
                Line(2, "TVector " + string.Join(", ", Enumerable.Range(row, 4).Select(r => $"{Sum(token, r)} = TVector.Zero")) + ";");
            }
        }
    }

    void FoldOrKeep(int tokens, int rows)
    {
        Line(2, "{");
        Fold(3, tokens, rows);
        Line(2, "}");
        Line(2, "else");
        Line(2, "{");
        Each(tokens, rows, (sum, place) => Line(3, $"TVector.Store({sum}, {place});"));
        Line(2, "}");
    }

    void Fold(int depth, int tokens, int rows)
    {
        for (int token = 0; token < tokens; token++)
        {
            for (int row = 0; row < rows; row += 4)
            {
                string y = token == 0 ? "y" : token == 1 ? "y + yStride" : $"y + {token} * yStride";
                Line(depth, $"TVector.StoreSums({string.Join(", ", Enumerable.Range(row, 4).Select(r => Sum(token, r)))}, {y}{(row > 0 ? $" + {row}" : "")});");
            }
        }
    }

    static void Each(int tokens, int rows, Action<string, string> write)
    {
        for (int i = 0; i < tokens * rows; i++)
        {
            write(Sum(i / rows, i % rows), At("sums", i));
        }
    }

    void Summary(int tokens, int rows) =>
        Line(1, $"/// <summary>{s_numbers[tokens]} token{(tokens > 1 ? "s" : "")}, {s_numbers[rows].ToLowerInvariant()} rows.</summary>");

    static char Letter(int token) => (char)('a' + token);

    static string Sum(int token, int row) => string.Create(CultureInfo.InvariantCulture, $"{Letter(token)}{row}");

    static string Times(int count) => count == 1 ? "lanes" : $"{count} * lanes";

    static string At(string name, int vector) => vector == 0 ? name : $"{name} + {Times(vector)}";

    void Append(params ReadOnlySpan<string> parts)
    {
        foreach (string part in parts)
        {
            _text.Append(part.ReplaceLineEndings("\n"));
        }
    }

    void Line(int depth, string text) => _text.Append(' ', text.Length > 0 ? 4 * depth : 0).Append(text).Append('\n');

    string Finish()
    {
        _text.Length--;
        return _text.Append("}\n").ToString();
    }
}
