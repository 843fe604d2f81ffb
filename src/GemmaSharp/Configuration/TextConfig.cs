namespace GemmaSharp.Configuration;

/// <summary>The <c>text_config</c> of a checkpoint with every list resolved: one entry per layer. The defaults are the published E4B.</summary>
/// <remarks>Source: transformers <c>configuration_gemma3n.py</c>. Immutable. Property names are the JSON keys.</remarks>
sealed record TextConfig
{
    /// <summary>Rows of <c>embed_tokens</c>.</summary>
    public int VocabSize { get; init; } = 262400;

    /// <summary>Rows of <c>embed_tokens_per_layer</c>; ids from here on use row 0.</summary>
    public int VocabSizePerLayerInput { get; init; } = 262144;

    /// <summary>Width of the residual stream, <c>C</c>.</summary>
    public int HiddenSize { get; init; } = 2048;

    /// <summary>Width of one layer's per-layer input, <c>P</c>.</summary>
    public int HiddenSizePerLayerInput { get; init; } = 256;

    /// <summary>Feed-forward width <c>F</c> of each layer, <c>[L]</c>.</summary>
    public IReadOnlyList<int> IntermediateSize { get; init; } = Repeat(16384, 35);

    /// <summary>Number of decoder layers, <c>L</c>.</summary>
    public int NumHiddenLayers { get; init; } = 35;

    /// <summary>Query heads, <c>H</c>.</summary>
    public int NumAttentionHeads { get; init; } = 8;

    /// <summary>Key-value heads, <c>G</c>; divides <see cref="NumAttentionHeads"/>.</summary>
    public int NumKeyValueHeads { get; init; } = 2;

    /// <summary>Head size, <c>D</c>; even.</summary>
    public int HeadDim { get; init; } = 256;

    /// <summary>Positions the model was trained for.</summary>
    public int MaxPositionEmbeddings { get; init; } = 32768;

    /// <summary>Epsilon of every RMS norm of the text model.</summary>
    public float RmsNormEps { get; init; } = 1e-6f;

    /// <summary>Padding id.</summary>
    public int PadTokenId { get; init; }

    /// <summary>Id that begins a sequence.</summary>
    public int BosTokenId { get; init; } = 2;

    /// <summary>Whether the output head is <c>embed_tokens</c>; otherwise the file has <c>lm_head.weight</c>.</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>Positions a sliding layer sees, its own included.</summary>
    public int SlidingWindow { get; init; } = 512;

    /// <summary>Kind of each layer, <c>[L]</c>.</summary>
    public IReadOnlyList<LayerType> LayerTypes { get; init; } = DefaultLayerTypes(35);

    /// <summary>Cap <c>c</c> of <c>c · tanh(logits / c)</c>; <see langword="null"/> for none.</summary>
    public float? FinalLogitSoftcapping { get; init; } = 30;

    /// <summary>The AltUp stream the layer computes on.</summary>
    public int AltupActiveIdx { get; init; }

    /// <summary>AltUp streams, <c>A</c>.</summary>
    public int AltupNumInputs { get; init; } = 4;

    /// <summary>Bound on the AltUp coefficients; <see langword="null"/> for none.</summary>
    public float? AltupCoefClip { get; init; } = 120;

    /// <summary>Whether the corrected active stream is multiplied by <c>correct_output_scale</c>.</summary>
    public bool AltupCorrectScale { get; init; } = true;

    /// <summary>The last layers that read another layer's keys and values.</summary>
    public int NumKvSharedLayers { get; init; } = 15;

    /// <summary>Rank of the Laurel branch, <c>R</c>.</summary>
    public int LaurelRank { get; init; } = 64;

    /// <summary>Share of feed-forward units cut in each layer, <c>[L]</c>, 0 up to but not 1.</summary>
    public IReadOnlyList<double> ActivationSparsityPattern { get; init; } = DefaultSparsity(35);

    /// <summary>RoPE base of full-attention layers.</summary>
    public double RopeTheta { get; init; } = 1e6;

    /// <summary>RoPE base of sliding layers.</summary>
    public double RopeLocalBaseFreq { get; init; } = 1e4;

    /// <summary>The first layer that has no keys and values of its own: <c>L − num_kv_shared_layers</c>.</summary>
    public int FirstKvSharedLayer => NumHiddenLayers - NumKvSharedLayers;

    /// <summary>The layer whose keys and values <paramref name="layer"/> uses: itself, or the last unshared one of its kind.</summary>
    /// <param name="layer">0 … L − 1.</param>
    public int KvSourceLayer(int layer)
    {
        if (layer < FirstKvSharedLayer)
        {
            return layer;
        }

        int source = FirstKvSharedLayer - 1;
        while (LayerTypes[source] != LayerTypes[layer])
        {
            source--;
        }

        return source;
    }

    /// <summary>Full attention iff (i + 1) mod 5 = 0.</summary>
    internal static LayerType[] DefaultLayerTypes(int layers) =>
        [.. Enumerable.Range(0, layers).Select(i => (i + 1) % 5 == 0 ? LayerType.FullAttention : LayerType.SlidingAttention)];

    /// <summary>0.95 in the first ten layers of a model with more than ten, 0 elsewhere.</summary>
    internal static double[] DefaultSparsity(int layers) =>
        [.. Enumerable.Range(0, layers).Select(i => layers > 10 && i < 10 ? 0.95 : 0.0)];

    internal static int[] Repeat(int value, int count)
    {
        int[] values = new int[count];
        Array.Fill(values, value);
        return values;
    }
}

/// <summary>What a decoder layer attends to.</summary>
enum LayerType
{
    /// <summary>The last <c>sliding_window</c> positions.</summary>
    SlidingAttention,

    /// <summary>Every earlier position.</summary>
    FullAttention,
}
