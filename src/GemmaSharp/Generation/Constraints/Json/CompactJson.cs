using System.Text;
using System.Text.Json;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>JSON without anything between its tokens, every character as itself where that is allowed: as grammars have names.</summary>
static class CompactJson
{
    /// <summary>Writes a value. It may be nested as deeply as a reader lets it be.</summary>
    public static string Write(JsonElement value)
    {
        var text = new StringBuilder();
        var stack = new Stack<(JsonElement Value, string Before, string After)>();
        stack.Push((value, "", ""));
        while (stack.TryPop(out (JsonElement Value, string Before, string After) next))
        {
            text.Append(next.Before);
            switch (next.Value.ValueKind)
            {
                case JsonValueKind.Undefined:
                    break;
                case JsonValueKind.String:
                    text.Append('"').Append(JsonSpelling.Spell(next.Value.GetString()!)).Append('"');
                    break;
                case JsonValueKind.Array:
                    text.Append('[');
                    stack.Push((default, "]" + next.After, ""));
                    Push(next.Value.EnumerateArray().Select(item => (item, "")));
                    continue;
                case JsonValueKind.Object:
                    text.Append('{');
                    stack.Push((default, "}" + next.After, ""));
                    Push(next.Value.EnumerateObject().Select(member => (member.Value, $"\"{JsonSpelling.Spell(member.Name)}\":")));
                    continue;
                default:
                    text.Append(next.Value.GetRawText());
                    break;
            }

            text.Append(next.After);
        }

        return text.ToString();

        void Push(IEnumerable<(JsonElement Value, string Before)> parts)
        {
            (JsonElement Value, string Before)[] all = [.. parts];
            for (int i = all.Length - 1; i >= 0; i--)
            {
                stack.Push((all[i].Value, (i == 0 ? "" : ",") + all[i].Before, ""));
            }
        }
    }
}
