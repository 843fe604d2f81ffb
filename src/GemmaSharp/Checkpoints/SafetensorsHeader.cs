using System.Buffers.Binary;
using System.Text.Json;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>Reads and checks the header of a safetensors file without holding it in memory.</summary>
/// <remarks>Format: <c>u64 n</c>, then n bytes of JSON, then the data. Source: huggingface/safetensors, format description.</remarks>
sealed class SafetensorsHeader
{
    /// <summary>The bound of MLX and of the reference crate, which no real header comes near.</summary>
    public const long LargestHeader = 100_000_000;

    /// <summary>Gemma 3n has 2,542 tensors at most; the bound keeps a hostile header under 64 MB of memory.</summary>
    const int MostTensors = 100_000;
    const int MostAxes = 16;
    const long MostText = 16 << 20;

    readonly string _file;
    readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    long _text;

    SafetensorsHeader(string file) => _file = file;

    public IReadOnlyDictionary<string, TensorEntry> Entries => _entries;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <exception cref="SafetensorsException">The header is not sound.</exception>
    public static SafetensorsHeader Read(Stream stream, string file)
    {
        var header = new SafetensorsHeader(file);
        long fileLength = stream.Length;
        Span<byte> start = stackalloc byte[16];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (ForeignFile.Describe(start) is string foreign)
        {
            throw header.Bad(foreign);
        }

        if (start.Length < 9)
        {
            throw header.Bad($"has {fileLength} bytes, too few for a safetensors file; download it again.");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > LargestHeader)
        {
            throw header.Bad($"announces a header of {length} bytes; at most {LargestHeader} are possible, so this is not a safetensors file.");
        }

        if ((long)length > fileLength - 8)
        {
            throw header.Bad($"ends after {fileLength} bytes, inside its header of {length}; download it again.");
        }

        if (length < 2 || start[8] != '{')
        {
            throw header.Bad("has no JSON object as its header, so it is not a safetensors file; download it again.");
        }

        stream.Position = 8;
        try
        {
            header.Parse(new JsonTokens(stream, (long)length), 8 + (long)length, fileLength);
        }
        catch (JsonException e)
        {
            throw header.Bad($"has a damaged header ({Printable(e.Message.TrimEnd('.'))}); download it again.", e);
        }
        catch (InvalidOperationException e)
        {
            // The JSON reader's word for bytes that are no UTF-8.
            throw header.Bad("has a header that is not UTF-8; download it again.", e);
        }

        header.CheckOverlaps();
        return header;
    }

    void Parse(JsonTokens json, long dataStart, long fileLength)
    {
        json.Expect(JsonTokenType.StartObject);
        while (json.Next() == JsonTokenType.PropertyName)
        {
            string name = Counted(json.Text());
            if (name == "__metadata__")
            {
                ParseMetadata(ref json);
                continue;
            }

            // Names end up on terminals and in logs.
            if (name.Any(char.IsControl))
            {
                throw Bad($"lists tensor {Shown(name)}, whose name has control characters; do not trust this file.");
            }

            if (_entries.Count == MostTensors)
            {
                throw Bad($"lists more than {MostTensors} tensors; no checkpoint of this model does.");
            }

            TensorEntry entry = ParseEntry(ref json, name, dataStart, fileLength);
            if (!_entries.TryAdd(name, entry))
            {
                throw Bad($"lists tensor {Shown(name)} twice; write it again.");
            }
        }

        json.ExpectEnd();
    }

    void ParseMetadata(ref JsonTokens json)
    {
        json.Expect(JsonTokenType.StartObject);
        while (json.Next() == JsonTokenType.PropertyName)
        {
            string key = Counted(json.Text());
            json.Expect(JsonTokenType.String);
            _metadata[key] = Counted(json.Text());
        }
    }

    TensorEntry ParseEntry(ref JsonTokens json, string name, long dataStart, long fileLength)
    {
        string? dtype = null;
        List<long>? shape = null, offsets = null;
        json.Expect(JsonTokenType.StartObject);
        while (json.Next() == JsonTokenType.PropertyName)
        {
            switch (json.Text())
            {
                case "dtype":
                    json.Expect(JsonTokenType.String);
                    dtype = json.Text();
                    break;
                case "shape":
                    shape = Numbers(ref json, name, MostAxes);
                    break;
                case "data_offsets":
                    offsets = Numbers(ref json, name, 2);
                    break;
                default:
                    json.SkipValue();
                    break;
            }
        }

        if (dtype is null || shape is null || offsets is not { Count: 2 })
        {
            throw Bad($"lists tensor {Shown(name)} without dtype, shape and two data_offsets; write it again.");
        }

        if (!ElementTypes.TryParse(dtype, out ElementType type))
        {
            throw Bad($"stores tensor {Shown(name)} as {Shown(dtype)}, a type this program does not know.");
        }

        long length = offsets[1] - offsets[0];
        long dataLength = fileLength - dataStart;
        if (length < 0 || offsets[1] > dataLength)
        {
            throw Bad($"places tensor {Shown(name)} at bytes {offsets[0]} to {offsets[1]} of {dataLength}; the file is cut short or damaged, so download it "
                + $"again.");
        }

        if (Size(shape, type) is not long size || size != length)
        {
            throw Bad($"gives tensor {Shown(name)} {length} bytes; {dtype} [{string.Join(", ", shape)}] needs "
                + $"{(Size(shape, type)?.ToString(System.Globalization.CultureInfo.InvariantCulture)) ?? "more than a file can have"}.");
        }

        return new TensorEntry(name, type, [.. shape], dataStart + offsets[0], length);
    }

    List<long> Numbers(ref JsonTokens json, string name, int most)
    {
        var numbers = new List<long>(2);
        json.Expect(JsonTokenType.StartArray);
        while (json.Next() == JsonTokenType.Number)
        {
            if (!json.TryInteger(out long number) || number < 0 || numbers.Count == most)
            {
                throw Bad($"gives tensor {Shown(name)} a shape or offsets that are not up to {most} whole numbers from 0; write it again.");
            }

            numbers.Add(number);
        }

        return json.Current == JsonTokenType.EndArray
            ? numbers
            : throw Bad($"gives tensor {Shown(name)} a shape or offsets that are not numbers; write it again.");
    }

    static long? Size(List<long> shape, ElementType type)
    {
        if (shape.Contains(0))
        {
            return 0;
        }

        Int128 size = type.SizeInBytes();
        foreach (long axis in shape)
        {
            size *= axis;
            if (size > long.MaxValue)
            {
                return null;
            }
        }

        return (long)size;
    }

    void CheckOverlaps()
    {
        TensorEntry[] ordered = [.. _entries.Values.Where(e => e.Length > 0)];
        Array.Sort(ordered, (a, b) => a.Offset.CompareTo(b.Offset));
        for (int i = 1; i < ordered.Length; i++)
        {
            if (ordered[i].Offset < ordered[i - 1].End)
            {
                throw Bad($"gives tensors {Shown(ordered[i - 1].Name)} and {Shown(ordered[i].Name)} the same bytes; write it again.");
            }
        }
    }

    // Names and metadata are all that stays in memory; together they are bounded.
    string Counted(string text)
    {
        _text += text.Length;
        return _text <= MostText ? text : throw Bad($"has more than {MostText} characters of names and metadata; no checkpoint of this model has.");
    }

    static string Shown(string text) => Printable(text.Length <= 120 ? text : text[..117] + "...");

    // The JSON reader quotes what it does not understand.
    static string Printable(string text) => string.Concat(text.Select(character => char.IsControl(character) ? '?' : character));

    SafetensorsException Bad(string problem, Exception? inner = null) => new(_file, problem, inner);
}
