namespace GemmaSharp.Checkpoints;

/// <summary>Whether a head that is stored beside tied embeddings is the copy of <c>embed_tokens</c> it should be.</summary>
static class TiedHead
{
    // A copy agrees in every row, another head in hardly any.
    const int SampledRows = 64;

    /// <summary>Compares rows spread over the vocabulary.</summary>
    /// <returns>Whether they agree; <see langword="null"/> when the two are stored in different forms or sizes.</returns>
    /// <exception cref="SafetensorsException">A file cannot be mapped.</exception>
    public static bool? IsCopy(ParameterReader reader)
    {
        foreach (string part in (ReadOnlySpan<string>)[".weight", ".scales", ".biases"])
        {
            StoredTensor? head = reader.Stored("lm_head" + part), table = reader.Stored("language_model.embed_tokens" + part);
            if ((head is null) != (table is null)
                || (head is not null && (head.Type != table!.Type || head.Blocks != table.Blocks
                    || head.Shape.Count != 2 || table.Shape.Count != 2 || head.Shape[1] != table.Shape[1])))
            {
                return null;
            }
        }

        foreach (string part in (ReadOnlySpan<string>)[".weight", ".scales", ".biases"])
        {
            if (reader.Stored("lm_head" + part) is StoredTensor head && !SameRows(head, reader.Stored("language_model.embed_tokens" + part)!))
            {
                return false;
            }
        }

        return true;
    }

    static bool SameRows(StoredTensor a, StoredTensor b)
    {
        long rows = Math.Min(a.Shape[0], b.Shape[0]), rowBytes = a.Shape[0] == 0 ? 0 : a.Entry.Length / a.Shape[0];
        if (rowBytes > int.MaxValue)
        {
            return false;
        }

        var (x, y) = (a.Data, b.Data);
        for (long i = 0; i < Math.Min(rows, SampledRows); i++)
        {
            long row = rows <= SampledRows ? i : i * (rows - 1) / (SampledRows - 1);
            if (!x.Block.Read(x.Offset + row * rowBytes, (int)rowBytes).SequenceEqual(y.Block.Read(y.Offset + row * rowBytes, (int)rowBytes)))
            {
                return false;
            }
        }

        return true;
    }
}
