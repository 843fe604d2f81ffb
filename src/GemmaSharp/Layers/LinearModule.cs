namespace GemmaSharp.Layers;

/// <summary>A linear layer of the model, as adapters know it.</summary>
/// <param name="Index">Its number in the order in which the model was built; finds an adapter's matrices without a search.</param>
/// <param name="Path">Its canonical path, <c>language_model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="InFeatures">Columns of its weight.</param>
/// <param name="OutFeatures">Rows of its weight.</param>
/// <param name="Tied">Whether its weight is also that of another module, and so cannot be changed for this one alone.</param>
sealed record LinearModule(int Index, string Path, int InFeatures, int OutFeatures, bool Tied);
