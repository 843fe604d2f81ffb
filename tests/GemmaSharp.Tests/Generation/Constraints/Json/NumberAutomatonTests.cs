using System.Globalization;
using System.Text;
using CsCheck;
using GemmaSharp.Generation.Constraints.Json;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

public sealed class NumberAutomatonTests
{
    static readonly Gen<string> s_number = Gen.Select(Gen.Bool, Gen.Int[0, 1300], Gen.Int[0, 4], Gen.Int[0, 2], (negative, digits, decimals, zeros) =>
    {
        string text = digits.ToString(CultureInfo.InvariantCulture).PadLeft(decimals + 1, '0');
        return (negative ? "-" : "") + (decimals == 0 ? text : text[..^decimals] + "." + text[^decimals..] + new string('0', zeros));
    });

    static readonly Gen<NumberRange> s_range = Gen.Select(
        Gen.Bool, Gen.Bool, s_number, Gen.Bool, s_number, Gen.Int[0, 6], (least, most, min, exclusive, max, multiple) =>
    {
        var range = new NumberRange();
        range = least ? range.AtLeast(Parse(min), exclusive) : range;
        range = most ? range.AtMost(Parse(max), !exclusive) : range;
        string?[] multiples = [null, null, null, "0.01", "7", "2.5", "0.3"];
        return multiples[multiple] is string of ? range.Multiple(Parse(of)) : range;
    });

    [Fact]
    public void Spellings_OfNumbers_AreTakenWhenInTheRange() =>
        Gen.Select(s_range, s_number).Sample(
            (range, text) => Assert.True(range.Contains(Parse(text)) == Accepts(range, text), $"{text} in {range}"), iter: 20_000);

    [Theory]
    [InlineData("")]
    [InlineData("-")]
    [InlineData("01")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e5")]
    [InlineData("--1")]
    [InlineData("1.2.3")]
    public void Spellings_ThatAreNone_AreNotTaken(string text) => Assert.False(Accepts(new NumberRange(), text));

    [Fact]
    public void Integers_HaveNoPoint()
    {
        var range = new NumberRange { IsInteger = true }.AtLeast(Parse("-5"), false);
        Assert.Equal([true, true, false, false], ((string[])["-5", "12", "1.0", "-6"]).Select(text => Accepts(range, text)));
    }

    static bool Accepts(NumberRange range, string text)
    {
        var automaton = new NumberAutomaton(range);
        int state = 0;
        foreach (byte b in Encoding.ASCII.GetBytes(text))
        {
            state = automaton.Next(state, b);
            if (state < 0)
            {
                return false;
            }
        }

        return automaton.Accepts(state);
    }

    static DecimalNumber Parse(string text)
    {
        Assert.True(DecimalNumber.TryParse(text, out DecimalNumber number));
        return number;
    }
}
