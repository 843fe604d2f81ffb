using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Security;

/// <summary>The keys that open the server. Immutable, thread-safe.</summary>
sealed class ApiKeys(IEnumerable<string> keys)
{
    readonly byte[][] _hashes = [.. keys.Select(Hash)];

    /// <summary>Whether a key is needed.</summary>
    public bool AreNeeded => _hashes.Length > 0;

    /// <summary>A name for the key that a request bears; null where it bears none that fits.</summary>
    /// <remarks>All keys are looked at, and all of each, so that time tells nothing of them.</remarks>
    public string? Find(HttpRequest request)
    {
        byte[] hash = Hash(Given(request) ?? "");
        int found = -1;
        for (int i = 0; i < _hashes.Length; i++)
        {
            found = CryptographicOperations.FixedTimeEquals(hash, _hashes[i]) ? i : found;
        }

        return found < 0 ? null : "key " + found.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>The key that a request bears: as a bearer's, or in a header of its own; null for none.</summary>
    static string? Given(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        string authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) && authorization[Bearer.Length..].Trim() is { Length: > 0 } bearer ? bearer
            : request.Headers["x-api-key"].ToString() is { Length: > 0 } key ? key
            : null;
    }

    static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
