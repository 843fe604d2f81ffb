using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>A registry on this machine with one image to build upon, made on the spot: a layer of one file, no user, no entry point.</summary>
sealed class BaseImage : IDisposable
{
    const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    readonly HttpListener _listener = new();
    readonly Dictionary<string, (string Type, byte[] Bytes)> _files = [];
    readonly int _port = FreePort();
    readonly Task _serving;

    public BaseImage()
    {
        byte[] layer = Layer();
        using var plain = new GZipStream(new MemoryStream(layer), CompressionMode.Decompress);
        string architecture = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64";
        byte[] configuration = Json(new JsonObject
        {
            ["architecture"] = architecture,
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Env"] = new JsonArray("PATH=/usr/bin:/bin") },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray("sha256:" + Convert.ToHexStringLower(SHA256.HashData(plain))) },
            ["history"] = new JsonArray(new JsonObject { ["created_by"] = "a test" }),
        });
        byte[] manifest = Json(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = Add("application/vnd.oci.image.config.v1+json", configuration),
            ["layers"] = new JsonArray(Add("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
        });
        _files["/v2/"] = ("application/json", "{}"u8.ToArray());
        _files["/v2/base/manifests/latest"] = (ManifestType, manifest);
        _files["/v2/base/manifests/" + Digest(manifest)] = (ManifestType, manifest);
        _listener.Prefixes.Add($"http://localhost:{_port}/");
        _listener.Start();
        _serving = Task.Run(ServeAsync);
    }

    /// <summary>What a build calls it.</summary>
    public string Name => $"localhost:{_port}/base:latest";

    public void Dispose()
    {
        _listener.Stop();
        _serving.Wait();
        _listener.Close();
    }

    async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                using HttpListenerResponse response = context.Response;
                if (!_files.TryGetValue(context.Request.Url!.AbsolutePath, out (string Type, byte[] Bytes) file))
                {
                    response.StatusCode = (int)HttpStatusCode.NotFound;
                    continue;
                }

                response.ContentType = file.Type;
                response.Headers["Docker-Content-Digest"] = Digest(file.Bytes);
                response.ContentLength64 = file.Bytes.Length;
                if (context.Request.HttpMethod == "GET")
                {
                    await response.OutputStream.WriteAsync(file.Bytes);
                }
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException or IOException)
            {
                if (!_listener.IsListening)
                {
                    return;
                }
            }
        }
    }

    JsonObject Add(string type, byte[] bytes)
    {
        _files["/v2/base/blobs/" + Digest(bytes)] = (type, bytes);
        return new JsonObject { ["mediaType"] = type, ["digest"] = Digest(bytes), ["size"] = bytes.Length };
    }

    static byte[] Layer()
    {
        var bytes = new MemoryStream();
        using (var zip = new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(zip))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "etc/base") { DataStream = new MemoryStream("base"u8.ToArray()) });
        }

        return bytes.ToArray();
    }

    static byte[] Json(JsonObject value) => Encoding.UTF8.GetBytes(value.ToJsonString());

    static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
