using System.Runtime.InteropServices;
using System.Text.Json;

namespace GemmaSharp.Server.OpenAI.Responses;

/// <summary>The last responses, in memory, for requests that go on from them; each seen only by the key that made it. Thread-safe.</summary>
/// <param name="capacity">How many; 0 for none.</param>
/// <param name="mostBytes">How many bytes of JSON they may have together; pictures and sound are part of it.</param>
/// <remarks>A response that another one goes on from is in memory as long as either is kept.</remarks>
sealed class ResponseStore(int capacity, long mostBytes = 512L << 20)
{
    readonly Lock _lock = new();
    readonly Dictionary<string, LinkedListNode<StoredResponse>> _responses = new(StringComparer.Ordinal);
    readonly LinkedList<StoredResponse> _order = new();
    readonly Dictionary<(string? Tenant, string Id), (JsonElement Item, int Holders)> _items = [];

    /// <summary>Whether anything is kept.</summary>
    public bool IsOn => capacity > 0;

    /// <summary>Bytes of all that is in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>Keeps a response, and drops the oldest where there are too many.</summary>
    public void Add(StoredResponse response)
    {
        if (!IsOn)
        {
            return;
        }

        lock (_lock)
        {
            _responses.Add(response.Response.Id, _order.AddLast(response));
            Hold(response);
            while (_order.Count > capacity || (Bytes > mostBytes && _order.Count > 0))
            {
                Drop(_order.First!);
            }
        }
    }

    /// <summary>A response of a tenant; null where there is none, or it is another's.</summary>
    public StoredResponse? Find(string id, string? tenant)
    {
        lock (_lock)
        {
            return _responses.TryGetValue(id, out LinkedListNode<StoredResponse>? node) && node.Value.Tenant == tenant ? node.Value : null;
        }
    }

    /// <summary>Forgets a response.</summary>
    public bool Remove(string id, string? tenant)
    {
        lock (_lock)
        {
            if (_responses.TryGetValue(id, out LinkedListNode<StoredResponse>? node) && node.Value.Tenant == tenant)
            {
                Drop(node);
                return true;
            }

            return false;
        }
    }

    /// <summary>An item of any response of a tenant; those that only refer to one are none.</summary>
    public JsonElement? FindItem(string id, string? tenant)
    {
        lock (_lock)
        {
            return _items.TryGetValue((tenant, id), out (JsonElement Item, int Holders) found) ? found.Item : null;
        }
    }

    void Drop(LinkedListNode<StoredResponse> node)
    {
        _responses.Remove(node.Value.Response.Id);
        _order.Remove(node);
        Release(node.Value);
    }

    void Hold(StoredResponse response)
    {
        // What it goes on from may have been dropped meanwhile, and is then in memory again.
        for (StoredResponse? each = response; each is not null && each.Holders++ == 0; each = each.Previous)
        {
            Bytes += each.Bytes;
            foreach (JsonElement item in each.Own)
            {
                if (InputReader.IdOf(item) is string id)
                {
                    ref (JsonElement Item, int Holders) place = ref CollectionsMarshal.GetValueRefOrAddDefault(_items, (response.Tenant, id), out bool _);
                    place = (item, place.Holders + 1);
                }
            }
        }
    }

    void Release(StoredResponse response)
    {
        for (StoredResponse? each = response; each is not null && --each.Holders == 0; each = each.Previous)
        {
            Bytes -= each.Bytes;
            foreach (JsonElement item in each.Own)
            {
                if (InputReader.IdOf(item) is string id && _items.TryGetValue((response.Tenant, id), out (JsonElement Item, int Holders) place))
                {
                    if (place.Holders > 1)
                    {
                        _items[(response.Tenant, id)] = (place.Item, place.Holders - 1);
                    }
                    else
                    {
                        _items.Remove((response.Tenant, id));
                    }
                }
            }
        }
    }
}

/// <summary>A response with what it was the answer to.</summary>
/// <param name="tenant">Whose it is.</param>
/// <param name="response">The response.</param>
/// <param name="previous">The response that it goes on from; null for none.</param>
/// <param name="input">The items of its request, each with an id.</param>
sealed class StoredResponse(string? tenant, Response response, StoredResponse? previous, IReadOnlyList<JsonElement> input)
{
    readonly JsonElement[] _own =
        [.. input, .. response.Output.Select(item => JsonSerializer.SerializeToElement(item, ResponsesJson.Default.OutputItem))];

    public string? Tenant => tenant;

    public Response Response => response;

    public StoredResponse? Previous => previous;

    /// <summary>The items of its request, and those it consists of.</summary>
    public IReadOnlyList<JsonElement> Own => _own;

    /// <summary>How large it is, without what it goes on from.</summary>
    public long Bytes { get; } = input.Sum(item => (long)JsonMarshal.GetRawUtf8Value(item).Length)
        + (2L * JsonSerializer.SerializeToUtf8Bytes(response, ResponsesJson.Default.Response).Length);

    /// <summary>By how many it is kept in memory: the store, and responses that go on from it. The store's business.</summary>
    public int Holders { get; set; }

    /// <summary>What it was the answer to, from the first response on.</summary>
    public IEnumerable<JsonElement> Input => [.. previous?.All ?? [], .. input];

    /// <summary>The whole conversation.</summary>
    public IReadOnlyList<JsonElement> All
    {
        get
        {
            var chain = new List<StoredResponse>();
            for (StoredResponse? each = this; each is not null; each = each.Previous)
            {
                chain.Add(each);
            }

            chain.Reverse();
            return [.. chain.SelectMany(each => each.Own)];
        }
    }
}
