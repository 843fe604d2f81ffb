namespace GemmaSharp.Server.Tests.Security;

/// <summary>The endpoints by what they read. That none is missing here, <see cref="ApiKeyTests"/> sees to.</summary>
static class Paths
{
    /// <summary>Those that read JSON, under their first names.</summary>
    public static readonly IReadOnlyList<string> Json =
    [
        "/v1/chat/completions", "/v1/chat/completions/input_tokens", "/v1/completions", "/v1/responses", "/v1/responses/input_tokens", "/v1/messages",
        "/v1/messages/count_tokens", "/api/chat", "/api/generate", "/api/show", "/tokenize", "/detokenize", "/apply-template", "/preview",
    ];

    /// <summary>Those that read forms.</summary>
    public static readonly IReadOnlyList<string> Forms = ["/v1/audio/transcriptions", "/v1/audio/translations"];

    /// <summary>Those that read no body.</summary>
    public static readonly IReadOnlyList<string> Without =
    [
        "/v1/embeddings", "/api/embed", "/api/embeddings", "/api/pull", "/api/push", "/api/create", "/api/copy", "/v1/responses/{id}/cancel",
        "/api/blobs/{digest}",
    ];
}
