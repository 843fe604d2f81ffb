using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Certification;

/// <summary>What was compared with the reference, and how far it agrees.</summary>
/// <param name="Model">What the checkpoint is called.</param>
/// <param name="Reference">SHA-256 of the recording's <c>reference.json</c>, which names its other files.</param>
/// <param name="Versions">What the reference ran on.</param>
/// <param name="Files">Files of the checkpoint with the checksums that were found.</param>
/// <param name="SameFiles">Whether they are those that the reference read; false only where that was allowed.</param>
/// <param name="Program">What computed here.</param>
/// <param name="Tolerance">The largest relative difference that counts as agreement.</param>
/// <param name="Cases">The conversations.</param>
/// <param name="Created">When, in UTC.</param>
sealed record Certificate(
    string Model, string Reference, IReadOnlyList<(string Name, string Version)> Versions, IReadOnlyList<RecordedFile> Files, bool SameFiles,
    IReadOnlyList<(string Name, string Value)> Program, double Tolerance, IReadOnlyList<CertifiedCase> Cases, DateTimeOffset Created)
{
    /// <summary>Whether everything agrees.</summary>
    public bool Agrees => Cases.All(each => each.Agrees);

    /// <summary>The certificate as JSON, signed off with a checksum over everything before it.</summary>
    /// <returns>An object whose last member, <c>sha256</c>, is that of the text with that member's value empty.</returns>
    public string ToJson()
    {
        string unsigned = Write("");
        return Write(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(unsigned))));
    }

    /// <summary>Whether a certificate's checksum is that of its content.</summary>
    /// <param name="json">A text that <see cref="ToJson"/> gave.</param>
    public static bool IsUnchanged(string json)
    {
        const string Member = "\"sha256\": \"";
        int at = json.LastIndexOf(Member, StringComparison.Ordinal) + Member.Length;
        if (at < Member.Length || json.IndexOf('"', at) is not (> 0 and int end))
        {
            return false;
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(json[..at] + json[end..]))) == json[at..end];
    }

    string Write(string checksum)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("format", "gemma-certificate-1");
            json.WriteBoolean("agrees", Agrees);
            json.WriteString("model", Model);
            json.WriteString("created", Created.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture));
            json.WriteNumber("tolerance", Tolerance);
            json.WriteStartObject("reference");
            json.WriteString("sha256", Reference);
            Pairs(json, "versions", Versions);
            json.WriteEndObject();
            Pairs(json, "program", Program);
            json.WriteStartObject("checkpoint");
            json.WriteBoolean("same_files", SameFiles);
            json.WriteStartArray("files");
            foreach (RecordedFile file in Files)
            {
                json.WriteStartObject();
                json.WriteString("name", file.Name);
                json.WriteNumber("size", file.Size);
                json.WriteString("sha256", file.Sha256);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteStartArray("cases");
            foreach (CertifiedCase each in Cases)
            {
                each.Write(json);
            }

            json.WriteEndArray();
            json.WriteString("sha256", checksum);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    static void Pairs(Utf8JsonWriter json, string name, IEnumerable<(string Name, string Value)> pairs)
    {
        json.WriteStartObject(name);
        foreach ((string key, string value) in pairs)
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }
}

/// <summary>How far one conversation agrees.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="SameIds">Whether the prompt has the reference's ids.</param>
/// <param name="Compared">Tensors of the reference that were compared: all that it has.</param>
/// <param name="Missing">Tensors of the reference that are not computed here.</param>
/// <param name="Different">Tensors beyond the tolerance.</param>
/// <param name="First">The first of them in the order of computation; null where there is none.</param>
/// <param name="Worst">The tensor with the largest relative difference; null where nothing was compared.</param>
/// <param name="WorstRelative">Its <c>max|a − b| / max|b|</c>.</param>
/// <param name="GreedySteps">Greedy tokens of the reference.</param>
/// <param name="GreedyEqual">How many of them were drawn here, too, from the first on.</param>
/// <param name="GreedyTie">Whether the first other token is a tie: the reference's own two best logits are closer than the tolerance.</param>
sealed record CertifiedCase(
    string Name, bool SameIds, int Compared, IReadOnlyList<string> Missing, int Different, string? First, string? Worst, double WorstRelative,
    int GreedySteps, int GreedyEqual, bool GreedyTie)
{
    /// <summary>Whether everything agrees.</summary>
    public bool Agrees => SameIds && Missing.Count == 0 && Compared > 0 && Different == 0 && (GreedyEqual == GreedySteps || GreedyTie);

    /// <summary>Writes it as JSON.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("name", Name);
        json.WriteBoolean("agrees", Agrees);
        json.WriteBoolean("same_token_ids", SameIds);
        json.WriteNumber("tensors_compared", Compared);
        json.WriteNumber("tensors_different", Different);
        json.WriteStrings("tensors_missing", Missing);
        json.WriteString("first_difference", First);
        json.WriteString("worst_tensor", Worst);
        json.WriteFinite("worst_relative", WorstRelative);
        json.WriteNumber("greedy_steps", GreedySteps);
        json.WriteNumber("greedy_equal", GreedyEqual);
        json.WriteBoolean("greedy_tie", GreedyTie);
        json.WriteEndObject();
    }
}
