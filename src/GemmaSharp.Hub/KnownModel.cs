namespace GemmaSharp.Hub;

/// <summary>A well-known checkpoint of Gemma 3n and its short name.</summary>
/// <param name="Name">The short name, such as <c>e2b</c>.</param>
/// <param name="Id">The repository.</param>
/// <param name="Bytes">About how many bytes are downloaded; the hub's own number is shown before anything is.</param>
/// <param name="Description">What it is, in a few words.</param>
/// <param name="IsGated">Whether a licence must be accepted on the repository's page first.</param>
public sealed record KnownModel(string Name, string Id, long Bytes, string Description, bool IsGated)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<KnownModel> All { get; } =
    [
        new("e2b", "google/gemma-3n-E2B-it", 10_900_000_000, "E2B, instruction-tuned, bfloat16", IsGated: true),
        new("e4b", "google/gemma-3n-E4B-it", 15_700_000_000, "E4B, instruction-tuned, bfloat16", IsGated: true),
        new("e2b-base", "google/gemma-3n-E2B", 10_900_000_000, "E2B, pretrained, bfloat16", IsGated: true),
        new("e4b-base", "google/gemma-3n-E4B", 15_700_000_000, "E4B, pretrained, bfloat16", IsGated: true),
        new("e2b-4bit", "mlx-community/gemma-3n-E2B-it-4bit", 4_500_000_000, "E2B, instruction-tuned, 4 bits by MLX", IsGated: false),
        new("e4b-4bit", "mlx-community/gemma-3n-E4B-it-4bit", 5_900_000_000, "E4B, instruction-tuned, 4 bits by MLX", IsGated: false),
    ];

    /// <summary>The one of a short name, in any case; null when there is none.</summary>
    public static KnownModel? Find(string name) => All.FirstOrDefault(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
