using System.Text;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp;

/// <summary>Writes a tokenizer as the keys of a GGUF file.</summary>
static class GgufTokenizer
{
    const string Prefix = "tokenizer.ggml.";
    const float AddedScore = -1000, UnusedScore = -10000;

    /// <summary>Adds the keys.</summary>
    /// <param name="writer">The file.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="rows">Rows of the model's table: ids without a piece are reserved up to there.</param>
    /// <param name="template">The chat template; null without.</param>
    public static void Add(GgufWriter writer, Tokenizer tokenizer, int rows, string? template)
    {
        int count = Math.Max(rows, tokenizer.VocabularySize);
        byte[][] pieces = new byte[count][];
        int[] kinds = new int[count];
        float[] scores = new float[count];
        for (int id = 0; id < count; id++)
        {
            string? piece = tokenizer.IdToPiece(id);
            PieceKind kind = piece is null ? PieceKind.Unused : tokenizer.KindOf(id);

            // Pieces that are matched in text are spelled as text is.
            string spelled = piece is null ? $"[PAD{id}]" : kind == PieceKind.UserDefined ? piece.Replace(BytePairEncoder.Space, ' ') : piece;
            (pieces[id], kinds[id]) = (Encoding.UTF8.GetBytes(spelled), (int)kind);
            scores[id] = kind switch
            {
                PieceKind.Unused => UnusedScore,
                PieceKind.Normal or PieceKind.Byte => 0,
                _ => AddedScore,
            };
        }

        // The earlier a piece is made, the better its score; characters that nothing makes come after all that is made.
        (int Left, int Right, int Merged)[] merges = [.. tokenizer.Merges.Where(merge => kinds[merge.Merged] == (int)PieceKind.Normal)];
        int rank = 0;
        foreach ((int _, int _, int merged) in merges)
        {
            scores[merged] = scores[merged] == 0 ? -++rank : scores[merged];
        }

        for (int id = 0; id < count; id++)
        {
            scores[id] = scores[id] == 0 && kinds[id] == (int)PieceKind.Normal ? -++rank : scores[id];
        }

        writer.Add(Prefix + "model", "llama");
        writer.Add(Prefix + "pre", "default");
        writer.Add(Prefix + "tokens", pieces);
        writer.Add(Prefix + "scores", scores);
        writer.Add(Prefix + "token_type", kinds);
        if (!FollowFromScores(pieces, kinds, scores, merges))
        {
            writer.Add(
                Prefix + "merges",
                [.. merges.Select(merge => (byte[])[.. Encoding.UTF8.GetBytes(tokenizer.IdToPiece(merge.Left)!), (byte)' ',
                    .. Encoding.UTF8.GetBytes(tokenizer.IdToPiece(merge.Right)!)])]);
        }

        foreach ((string key, int? id) in (ReadOnlySpan<(string, int?)>)
            [("bos_token_id", tokenizer.BosTokenId), ("eos_token_id", tokenizer.EosTokenId), ("eot_token_id", tokenizer.EndOfTurnTokenId),
             ("unknown_token_id", tokenizer.UnkTokenId), ("padding_token_id", tokenizer.PadTokenId)])
        {
            if (id is int known)
            {
                writer.Add(Prefix + key, known);
            }
        }

        writer.Add(Prefix + "add_bos_token", tokenizer.AddsBos);
        writer.Add(Prefix + "add_eos_token", false);
        writer.Add(Prefix + "add_space_prefix", false);
        if (template is not null)
        {
            writer.Add("tokenizer.chat_template", template);
        }
    }

    /// <summary>Whether readers find these very merges in this order by themselves.</summary>
    static bool FollowFromScores(byte[][] pieces, int[] kinds, float[] scores, (int Left, int Right, int Merged)[] merges)
    {
        TokenizerModel found = new ScoredVocabulary { Count = pieces.Length, Piece = id => pieces[id], Scores = scores, Kinds = kinds }.ToModel();
        return found.Merges.InOrder().SequenceEqual(merges);
    }
}
