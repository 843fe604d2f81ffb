using System.Text;
using System.Text.Json;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Tests.Prompting.Tokenization;

/// <summary>Byte-pair encoding the plain way: look for the best pair, merge it, look again.</summary>
internal sealed class ReferenceBpe
{
    readonly Dictionary<string, int> _ids = [];
    readonly Dictionary<(string, string), int> _ranks = [];

    public ReferenceBpe(JsonElement tokenizer)
    {
        JsonElement model = tokenizer.GetProperty("model");
        foreach (JsonProperty piece in model.GetProperty("vocab").EnumerateObject())
        {
            _ids[piece.Name] = piece.Value.GetInt32();
        }

        foreach (JsonElement merge in model.GetProperty("merges").EnumerateArray())
        {
            (string left, string right) = merge.ValueKind == JsonValueKind.Array
                ? (merge[0].GetString()!, merge[1].GetString()!)
                : (merge.GetString()!.Split(' ')[0], merge.GetString()!.Split(' ')[1]);
            _ranks[(left, right)] = _ranks.Count;
        }
    }

    /// <summary>Ids of text without added tokens.</summary>
    public int[] Encode(string text)
    {
        List<string> symbols = [];
        foreach (Rune rune in text.Replace(' ', '▁').EnumerateRunes())
        {
            if (_ids.ContainsKey(rune.ToString()))
            {
                symbols.Add(rune.ToString());
            }
            else
            {
                symbols.AddRange(Encoding.UTF8.GetBytes(rune.ToString()).Select(value => $"<0x{value:X2}>"));
            }
        }

        while (true)
        {
            int best = int.MaxValue, at = -1;
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if (_ranks.TryGetValue((symbols[i], symbols[i + 1]), out int rank) && rank < best)
                {
                    (best, at) = (rank, i);
                }
            }

            if (at < 0)
            {
                return [.. symbols.Select(symbol => _ids[symbol])];
            }

            symbols[at] += symbols[at + 1];
            symbols.RemoveAt(at + 1);
        }
    }
}
