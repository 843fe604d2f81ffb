using System.Text.Json;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Bench;

/// <summary>Shows where the time of a step goes, next to what the machine can do.</summary>
static class ProfileReport
{
    /// <summary>What part of its time some work would take at least, and what bounds it.</summary>
    public static (double Share, string Of) Roof(double seconds, double bytes, double operations, BenchResult result)
    {
        double reading = bytes / result.Machine.ReadBandwidth, computing = operations / result.Peak;
        return reading >= computing
            ? (reading / seconds, "bandwidth")
            : (computing / seconds, result.Peak == result.Machine.FloatPeak ? "float peak" : "integer peak");
    }

    public static void Print(CliConsole console, ProfileResult profile, BenchResult result)
    {
        console.Out.WriteLine();
        console.Out.WriteLine(Heading(profile));
        Table table = new Table().Border(TableBorder.Simple).AddColumns("part of a step", "time", "share", "of this machine");
        foreach ((string name, ProfilePart part) in Lines(profile))
        {
            table.AddRow(Markup.Escape(name), Milliseconds(part.Seconds), Show.Text($"{part.Seconds / profile.Seconds:0.0 %}"),
                Markup.Escape(Rates(part, result)));
        }

        console.Styled.Write(table);
        console.Out.WriteLine(Loops(profile));
    }

    /// <summary>What the table is about.</summary>
    public static string Heading(ProfileResult profile) => Show.Text($"Where the time of {(profile.Of == "answer" ? "an answer" : "a prompt")} goes: ")
        + Show.Text($"{Milliseconds(profile.Seconds)} for a step of {profile.Rows} {(profile.Rows == 1 ? "token" : "tokens")}, {profile.Steps} counted");

    /// <summary>What the starts of loops cost.</summary>
    public static string Loops(ProfileResult profile)
    {
        double seconds = profile.Loops * profile.LoopSeconds;
        return Show.Text($"A step starts {profile.Loops:0} loops on all threads; at {profile.LoopSeconds * 1e6:0.0} µs each, ")
            + "the least that is measured here, "
            + Show.Text($"these starts are {Milliseconds(seconds)} ({seconds / profile.Seconds:0.0 %}) of the above.");
    }

    /// <summary>The parts in order, the kinds of products behind the products.</summary>
    public static IEnumerable<(string Name, ProfilePart Part)> Lines(ProfileResult profile) => profile.Parts.SelectMany(part =>
        part.Name == "products" ? [(part.Name, part), .. profile.Products.Select(product => ("· " + product.Name, product))] : new[] { (part.Name, part) });

    /// <summary>Bytes and operations per second, and the share of what bounds them.</summary>
    public static string Rates(ProfilePart part, BenchResult result)
    {
        if (part.Operations == 0)
        {
            return "";
        }

        (double share, string of) = Roof(part.Seconds, part.Bytes, part.Operations, result);
        return Show.Text($"{share:0 %} of {of} ({part.Bytes / part.Seconds / 1e9:0.0} GB/s, {part.Operations / part.Seconds / 1e9:0} Gop/s)");
    }

    /// <summary><c>0.43 ms</c></summary>
    public static string Milliseconds(double seconds) => Show.Text($"{seconds * 1e3:0.00} ms");

    public static void Write(Utf8JsonWriter json, ProfileResult profile)
    {
        json.WriteStartObject();
        json.WriteString("of", profile.Of);
        json.WriteNumber("rows", profile.Rows);
        json.WriteNumber("steps", profile.Steps);
        json.WriteFinite("seconds", Math.Round(profile.Seconds, 9));
        json.WriteMeasured("loops", profile.Loops);
        json.WriteFinite("loop_seconds", Math.Round(profile.LoopSeconds, 9));
        Parts("parts", profile.Parts);
        Parts("products", profile.Products);
        json.WriteEndObject();

        void Parts(string name, IReadOnlyList<ProfilePart> parts)
        {
            json.WriteStartArray(name);
            foreach (ProfilePart part in parts)
            {
                json.WriteStartObject();
                json.WriteString("name", part.Name);
                json.WriteFinite("seconds", Math.Round(part.Seconds, 9));
                json.WriteMeasured("bytes", part.Bytes);
                json.WriteMeasured("operations", part.Operations);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }
}
