using CsCheck;
using GemmaSharp.Configuration;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Configuration;

public sealed class ConfigMutationTests
{
    static readonly string s_config = File.ReadAllText(GoldenFiles.Find("tiny-a/files/config.json"));

    static readonly string[] s_values = ["-1", "0", "1e308", "2147483648", "null", "[]", "{}", "\"x\"", "true", "[[1]]", "0.5", "[1,2,3]"];

    // Any number of values replaced by any other JSON: a configuration or a typed error, in little memory.
    [Fact]
    public void Parse_ValuesReplaced_NeverFailsUntyped()
    {
        string[] lines = s_config.Split('\n');
        Gen.Select(Gen.Int[0, lines.Length - 1], Gen.Int[0, s_values.Length - 1]).List[1, 3].Sample(changes =>
        {
            string[] changed = [.. lines];
            foreach ((int line, int value) in changes)
            {
                int colon = changed[line].IndexOf(": ", StringComparison.Ordinal);
                bool isValue = colon >= 0 && changed[line].TrimEnd()[^1] is not ('[' or '{');
                if (isValue)
                {
                    changed[line] = changed[line][..(colon + 2)] + s_values[value] + (changed[line].EndsWith(',') ? "," : "");
                }
            }

            Parse(string.Join('\n', changed));
        }, iter: 3000, threads: 1);
    }

    [Fact]
    public void Parse_CharactersChanged_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, s_config.Length - 1], Gen.Char).List[1, 5].Sample(changes =>
        {
            char[] text = s_config.ToCharArray();
            foreach ((int at, char value) in changes)
            {
                text[at] = value;
            }

            Parse(new string(text));
        }, iter: 2000, threads: 1);

    static void Parse(string json)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Gemma3nConfig.Parse(json);
        }
        catch (ConfigurationException e)
        {
            Assert.StartsWith("config.json: ", e.Message, StringComparison.Ordinal);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16L << 20);
    }
}
