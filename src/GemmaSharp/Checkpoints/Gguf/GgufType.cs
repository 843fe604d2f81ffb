using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>The numbers by which GGUF files name the types of tensors.</summary>
static class GgufType
{
    /// <summary>Numbers from here on are of formats newer than this reader.</summary>
    const uint End = 43;

    static readonly Dictionary<uint, (string Name, string Advice)> s_refused = new()
    {
        [4] = ("Q4_2", "a form that was given up in 2023; get a newer file"),
        [5] = ("Q4_3", "a form that was given up in 2023; get a newer file"),
        [9] = ("Q8_1", "a form of activations and not of weights; get another file"),
        [15] = ("Q8_K", "a form of activations and not of weights; get another file"),
        [19] = ("IQ1_S", "which is not read here; get IQ2_XXS or larger"),
        [29] = ("IQ1_M", "which is not read here; get IQ2_XXS or larger"),
        [31] = ("Q4_0_4_4", "repacked for ARM; get Q4_0"),
        [32] = ("Q4_0_4_8", "repacked for ARM; get Q4_0"),
        [33] = ("Q4_0_8_8", "repacked for ARM; get Q4_0"),
        [34] = ("TQ1_0", "for models of three-valued weights only; get another file"),
        [35] = ("TQ2_0", "for models of three-valued weights only; get another file"),
        [36] = ("IQ4_NL_4_4", "repacked for ARM; get IQ4_NL"),
        [37] = ("IQ4_NL_4_8", "repacked for ARM; get IQ4_NL"),
        [38] = ("IQ4_NL_8_8", "repacked for ARM; get IQ4_NL"),
        [40] = ("NVFP4", "which is not read here; get Q4_K_M or MXFP4"),
        [41] = ("Q1_0", "which is not read here; get Q4_K_M"),
        [42] = ("Q2_0", "which is not read here; get Q4_K_M"),
    };

    /// <summary>The type of a number.</summary>
    /// <param name="id">The number.</param>
    /// <param name="type">The type of the elements; U8 for blocks.</param>
    /// <param name="blocks">The form of blocks; null for one number each.</param>
    /// <returns>Null when it is read; else what it is and the way out.</returns>
    public static string? Find(uint id, out ElementType type, out BlockType? blocks)
    {
        blocks = null;
        type = id switch
        {
            0 => ElementType.F32,
            1 => ElementType.F16,
            24 => ElementType.I8,
            25 => ElementType.I16,
            26 => ElementType.I32,
            27 => ElementType.I64,
            28 => ElementType.F64,
            30 => ElementType.BF16,
            _ => ElementType.U8,
        };
        if (type != ElementType.U8)
        {
            return null;
        }

        if (Enum.IsDefined((BlockType)id))
        {
            blocks = (BlockType)id;
            return null;
        }

        return s_refused.TryGetValue(id, out (string Name, string Advice) known) ? $"{known.Name}, {known.Advice}"
            : $"type {id}, {(id < End ? "which does not exist" : "which is newer than this program")}; get a file of a common form such as Q4_K_M";
    }
}
