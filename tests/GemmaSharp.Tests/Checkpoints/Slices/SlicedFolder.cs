using System.Globalization;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Slices;

/// <summary>The rule of a slice written once more, tensor by tensor, on bytes: what a sliced checkpoint holds.</summary>
static class SlicedFolder
{
    const string Text = "model.language_model.", Layer = Text + "layers.";

    /// <summary>The tensors of a smaller model.</summary>
    /// <param name="tensors">Those of the larger one, by Hugging Face's names, two bytes a number.</param>
    /// <param name="text">The larger model.</param>
    /// <param name="skip">Layers left out.</param>
    /// <param name="widths">Feed-forward widths of those that stay.</param>
    public static List<TinyTensor> Tensors(IEnumerable<TinyTensor> tensors, TextConfig text, int[] skip, int[] widths)
    {
        int[] kept = [.. Enumerable.Range(0, text.NumHiddenLayers).Where(layer => !skip.Contains(layer))];
        int[] perLayer = [.. kept.SelectMany(layer => Enumerable.Range(layer * text.HiddenSizePerLayerInput, text.HiddenSizePerLayerInput))];
        List<TinyTensor> sliced = [];
        foreach (TinyTensor tensor in tensors)
        {
            if (tensor.Name.StartsWith(Layer, StringComparison.Ordinal))
            {
                string[] parts = tensor.Name[Layer.Length..].Split('.', 2);
                int layer = Array.IndexOf(kept, int.Parse(parts[0], CultureInfo.InvariantCulture));
                if (layer >= 0)
                {
                    int[] units = [.. Enumerable.Range(0, widths[layer])];
                    TinyTensor part = parts[1] is "mlp.gate_proj.weight" or "mlp.up_proj.weight" ? Pick(tensor, units, null)
                        : parts[1] == "mlp.down_proj.weight" ? Pick(tensor, null, units)
                        : tensor;
                    sliced.Add(part with { Name = $"{Layer}{layer}.{parts[1]}" });
                }
            }
            else
            {
                sliced.Add(tensor.Name == Text + "per_layer_model_projection.weight" ? Pick(tensor, perLayer, null)
                    : tensor.Name == Text + "embed_tokens_per_layer.weight" ? Pick(tensor, null, perLayer)
                    : tensor);
            }
        }

        return sliced;
    }

    static TinyTensor Pick(TinyTensor tensor, int[]? rows, int[]? columns)
    {
        const int Size = 2;
        rows ??= [.. Enumerable.Range(0, (int)tensor.Shape[0])];
        columns ??= [.. Enumerable.Range(0, (int)tensor.Shape[1])];
        byte[] bytes = [.. rows.SelectMany(row => columns.SelectMany(column => tensor.Bytes.AsSpan((int)(row * tensor.Shape[1] + column) * Size, Size).ToArray()))];
        return tensor with { Shape = [rows.Length, columns.Length], Bytes = bytes };
    }
}
