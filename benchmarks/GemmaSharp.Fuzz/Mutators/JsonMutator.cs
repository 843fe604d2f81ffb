using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes JSON by its tree: values, names, doubles, depth, length, half characters, numbers of 400 digits.</summary>
/// <param name="words">Names and texts of the format.</param>
sealed class JsonMutator(params string[] words) : IMutator
{
    // What no writer writes stands in the tree as a mark, and takes its place in the text.
    const string Mark = "@RAW";

    static readonly string[] s_raw =
    [
        "1e308", "1e400", "-1e400", "1e-400", "-0", "0.1", "-1", "2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "1e19", "0.30000000000000004", "\"\\ud800\"", "\"\\udc00x\"", "\"\\u0000\"", "\"\\u001b[31mred\\u001b]0;t\\u0007\"", "\"\\r\\n\\t\"", "\"\"",
        "\"\\u202e\\u2028\"", "\"../../etc/passwd\"", "\"/dev/zero\"", "\"a\\u0000b\"", "\"nan\"", "\"Infinity\"", "\"1\"", "\"true\"", "[]", "{}", "[[]]", "[{}]", "{\"\":{}}", "null", "true",
        "false", "[null]", "1.0", "1e2", "65535", "65536", "16777216", "255", "256", "NaN", "\"\ud83d\ude00\"", "\"data:,\"", "\"data:image/png;base64,\"", "\"http://127.0.0.1/\"",
    ];

    static readonly JsonDocumentOptions s_reading = new() { MaxDepth = 512, AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    static readonly JsonSerializerOptions s_writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1024 };

    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        if (input.Length > 1 << 16 || Read(input) is not JsonNode root)
        {
            return null;
        }

        for (int rounds = dice.OneIn(3) ? dice.Between(2, 6) : 1; rounds > 0; rounds--)
        {
            List<JsonNode?> nodes = [root];
            Collect(root, nodes);
            JsonNode? node = dice.Pick<JsonNode?>(nodes);
            root = Change(root, node, nodes, other, dice);
        }

        return Write(root, dice);
    }

    static JsonNode? Read(byte[] input)
    {
        try
        {
            return JsonNode.Parse(input, null, s_reading);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    static void Collect(JsonNode? node, List<JsonNode?> nodes)
    {
        try
        {
            foreach (JsonNode? child in node is JsonObject map ? map.Select(entry => entry.Value) : node is JsonArray list ? list : Enumerable.Empty<JsonNode?>())
            {
                if (child is not null && nodes.Count < 4096)
                {
                    nodes.Add(child);
                    Collect(child, nodes);
                }
            }
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // Two properties of one name, or half a character: such an object is taken as it is.
        }
    }

    JsonNode Change(JsonNode root, JsonNode? node, List<JsonNode?> nodes, byte[] other, Dice dice)
    {
        try
        {
            switch (dice.Below(10))
            {
                case 0 when node is JsonObject map && map.Count > 0:
                    map.Remove(map.ElementAt(dice.Below(map.Count)).Key);
                    return root;
                case 1 when node is JsonArray list && list.Count > 0:
                    list.RemoveAt(dice.Below(list.Count));
                    return root;
                case 2 when node is JsonObject map && map.Count > 0:
                    (string key, JsonNode? moved) = map.ElementAt(dice.Below(map.Count));
                    map.Remove(key);
                    map[Name(nodes, dice)] = moved;
                    return root;
                case 3 when node is JsonObject map:
                    // The same name twice, which a tree cannot hold.
                    string name = map.Count > 0 ? map.ElementAt(dice.Below(map.Count)).Key : Name(nodes, dice);
                    map[$"{name}{Mark}D"] = Value(nodes, other, dice);
                    return root;
                case 4 when node is JsonObject map:
                    map[Name(nodes, dice)] = Value(nodes, other, dice);
                    return root;
                case 5 when node is JsonArray list:
                    int times = dice.OneIn(8) ? dice.Between(100, 2000) : dice.Between(1, 4);
                    JsonNode? element = list.Count > 0 ? dice.Pick<JsonNode?>([.. list]) : Value(nodes, other, dice);
                    for (int i = 0; i < times && Size(element) * times < 1 << 16; i++)
                    {
                        list.Insert(dice.Below(list.Count + 1), element?.DeepClone());
                    }

                    return root;
                case 6:
                    return Replace(root, node, dice.OneIn(2) ? new JsonArray(node?.DeepClone()) : new JsonObject { [Name(nodes, dice)] = node?.DeepClone() });
                case 7 when node is JsonValue value && value.TryGetValue(out string? text):
                    return Replace(root, node, Text(text, dice));
                case 8 when node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number):
                    return Replace(root, node, Number(number, dice));
                default:
                    return Replace(root, node, Value(nodes, other, dice));
            }
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return root;
        }
    }

    static int Size(JsonNode? node) => node is null ? 4 : node is JsonValue ? 16 : 2 + (node is JsonObject map ? map.Sum(entry => 8 + Size(entry.Value)) : ((JsonArray)node).Sum(Size));

    static JsonNode Replace(JsonNode root, JsonNode? node, JsonNode? by)
    {
        if (node is null || ReferenceEquals(node, root))
        {
            return by ?? JsonValue.Create(Raw("null"));
        }

        node.ReplaceWith(by);
        return root;
    }

    static string Raw(string text) => $"{Mark}{Array.IndexOf(s_raw, text)}@";

    static JsonValue Number(double number, Dice dice) => dice.Below(5) switch
    {
        0 => JsonValue.Create(-number),
        1 => JsonValue.Create(number + (dice.OneIn(2) ? 1 : -1)),
        2 => JsonValue.Create(number * dice.Pick<double>([0, 0.5, 2, 10, 1e6, 1e-6])),
        3 => JsonValue.Create($"{Mark}N{dice.Below(4)}@"),
        _ => JsonValue.Create(number.ToString(CultureInfo.InvariantCulture)),
    };

    JsonValue Text(string text, Dice dice)
    {
        int at = dice.Below(text.Length + 1);
        return JsonValue.Create(dice.Below(7) switch
        {
            0 => text[..at],
            1 => text[at..],
            2 => text.Insert(at, dice.Pick<string>(["\0", "\u001b[2J", "\n", "\r", "\"", "\\", "/", "..", " ", "%", ",", "=", "\u202e", "\uFEFF", "é", "😀", "<end_of_turn>", "<image_soft_token>"])),
            3 => text + text,
            4 => string.Concat(Enumerable.Repeat(text.Length > 64 ? "ab" : text, dice.Between(2, 200))),
            5 when words.Length > 0 => dice.Pick<string>(words),
            _ => text.Any(char.IsLower) ? text.ToUpperInvariant() : text.ToLowerInvariant(),
        });
    }

    string Name(List<JsonNode?> nodes, Dice dice)
    {
        if (words.Length > 0 && dice.OneIn(2))
        {
            return dice.Pick<string>(words);
        }

        string[] names = [.. nodes.OfType<JsonObject>().SelectMany(Names).Take(512)];
        return names.Length > 0 && !dice.OneIn(8) ? dice.Pick<string>(names) : dice.Pick<string>(["", "x", "\u001b[31m", "type", "a\0b", "__proto__", "\n", "1"]);

        static IEnumerable<string> Names(JsonObject map)
        {
            try
            {
                return [.. map.Select(entry => entry.Key)];
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                return [];
            }
        }
    }

    JsonNode? Value(List<JsonNode?> nodes, byte[] other, Dice dice)
    {
        switch (dice.Below(8))
        {
            case 0 or 1:
                return dice.Pick<JsonNode?>(nodes)?.DeepClone();
            case 2 when Read(other) is JsonNode foreign:
                List<JsonNode?> theirs = [foreign];
                Collect(foreign, theirs);
                return dice.Pick<JsonNode?>(theirs)?.DeepClone();
            case 3 when words.Length > 0:
                return JsonValue.Create(dice.Pick<string>(words));
            case 4:
                return JsonValue.Create($"{Mark}{(dice.OneIn(2) ? "N" : "L")}{dice.Below(4)}@");
            default:
                return JsonValue.Create($"{Mark}{dice.Below(s_raw.Length)}@");
        }
    }

    static byte[] Write(JsonNode root, Dice dice)
    {
        string text;
        try
        {
            text = root.ToJsonString(s_writing);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return [];
        }

        text = text.Replace($"{Mark}D\"", "\"", StringComparison.Ordinal);
        var written = new StringBuilder();
        int from = 0;
        for (int at; (at = text.IndexOf('"' + Mark, from, StringComparison.Ordinal)) >= 0;)
        {
            int end = text.IndexOf("@\"", at, StringComparison.Ordinal);
            if (end < 0)
            {
                break;
            }

            string mark = text[(at + 1 + Mark.Length)..end];
            written.Append(text, from, at - from).Append(Unusual(mark));
            from = end + 2;
        }

        text = written.Append(text, from, text.Length - from).ToString();
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (dice.OneIn(64))
        {
            // A byte that is no UTF-8, in a text if one is met.
            int at = Array.IndexOf(bytes, (byte)'"', dice.Below(bytes.Length));
            bytes = [.. bytes[..(at + 1)], (byte)dice.Between(0x80, 0xFF), .. bytes[(at + 1)..]];
        }

        return bytes;
    }

    static string Unusual(string mark)
    {
        if (mark is ['N', char digits])
        {
            return digits switch
            {
                '0' => new string('9', 400),
                '1' => "0." + new string('1', 400),
                '2' => "1" + new string('0', 60) + "e-60",
                _ => "-" + new string('9', 30),
            };
        }

        if (mark is ['L', char kind])
        {
            return kind switch
            {
                '0' => new string('[', 2000) + new string(']', 2000),
                '1' => string.Concat(Enumerable.Repeat("{\"a\":", 70)) + "1" + new string('}', 70),
                '2' => '"' + new string('x', 4000) + '"',
                _ => "[" + string.Join(',', Enumerable.Repeat("0", 2000)) + "]",
            };
        }

        return int.TryParse(mark, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < s_raw.Length ? s_raw[index] : "null";
    }
}
