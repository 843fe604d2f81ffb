using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Where pictures and sound may come from, and what small files may do that say they are large.</summary>
public sealed class MediaTests(SharedServer shared) : IClassFixture<SharedServer>
{
    RunningServer Server => shared.Server;

    /// <summary>Each form in which a request may name a picture, sound or video.</summary>
    static IEnumerable<(string Path, string Body)> Naming(string source)
    {
        string text = System.Text.Json.JsonSerializer.Serialize(source);
        foreach (string part in (string[])[
            "{\"type\":\"image_url\",\"image_url\":{\"url\":§}}", "{\"type\":\"image_url\",\"image_url\":§}", "{\"type\":\"input_image\",\"image_url\":§}",
            "{\"type\":\"input_audio\",\"input_audio\":{\"data\":§,\"format\":\"wav\"}}", "{\"type\":\"audio_url\",\"audio_url\":{\"url\":§}}",
            "{\"type\":\"video_url\",\"video_url\":{\"url\":§}}", "{\"type\":\"input_video\",\"input_video\":{\"data\":§}}",
            "{\"type\":\"file\",\"file\":{\"file_data\":§,\"filename\":\"a\"}}"])
        {
            string content = "[" + part.Replace("§", text, StringComparison.Ordinal) + "]";
            yield return (RawRequests.Chat, "{\"messages\":[{\"role\":\"user\",\"content\":" + content + "}],\"max_tokens\":1}");
            yield return ("/v1/responses", "{\"input\":[{\"role\":\"user\",\"content\":" + content + "}],\"max_output_tokens\":1}");
        }

        foreach (string kind in (string[])["image", "document"])
        {
            foreach (string type in (string[])["{\"type\":\"url\",\"url\":§}", "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":§}"])
            {
                yield return (
                    "/v1/messages",
                    "{\"model\":\"gemma-3n-demo\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"" + kind + "\",\"source\":"
                        + type.Replace("§", text, StringComparison.Ordinal) + "}]}]}");
            }
        }

        yield return ("/api/chat", "{\"model\":\"gemma-3n-demo\",\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"images\":[" + text + "]}],\"stream\":false}");
        yield return ("/api/generate", "{\"model\":\"gemma-3n-demo\",\"prompt\":\"a\",\"images\":[" + text + "],\"stream\":false}");
    }

    [Fact]
    public async Task Files_of_this_machine_are_never_read()
    {
        string picture = Demo.Golden("image-00.png");
        string working = Path.GetRelativePath(Environment.CurrentDirectory, picture);
        foreach (string source in (string[])[
            picture, working, "file://" + picture, "FILE://" + picture, "file:" + picture, "file:///etc/passwd", "/etc/passwd", "/dev/random", "/dev/zero", "/proc/self/environ",
            "../../../etc/passwd", "~/.ssh/id_rsa", "\\\\host\\share\\a.png", "//host/share/a.png", "C:\\a.png", "\\\\?\\C:\\a.png", "data:" + picture, "ftp://127.0.0.1/a.png", "gopher://127.0.0.1/", "jar:file:///a", "netdoc:///etc/passwd", " file:///etc/passwd", "\tfile:///etc/passwd",
            "http+unix://%2Fvar%2Frun%2Fdocker.sock/info", "concat:" + picture, "pipe:0", "lavfi:color", "", " ", "file", "fileX"])
        {
            foreach ((string path, string body) in Naming(source))
            {
                RawResponse response = await Server.RawPostAsync(path, body);
                Assert.True(response.Status == 400, $"{path} {body}: {response.Status} {response.Body}");
                Assert.DoesNotContain("root:", response.Body, StringComparison.Ordinal);
                Assert.False(response.Body.Contains("does not exist", StringComparison.Ordinal), $"It tells what files there are: {response.Body}");
            }
        }
    }

    [Fact]
    public async Task Pictures_wait_in_the_size_in_which_they_are_seen()
    {
        byte[] pixels = new byte[300 * 200 * 3];
        new Random(1).NextBytes(pixels);
        byte[] png = Media.ImageWriter.ToPng(new RgbImage(300, 200, pixels));
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using var loader = new Media.MediaLoader();
        var whole = new ImagePart(loader.LoadImage(png));
        using var door = new Requests.MediaDoor(Microsoft.Extensions.Options.Options.Create(new GemmaServerOptions()));
        foreach (int? side in (int?[])[null, 512])
        {
            ContentPart part = await door.ReadAsync(model, Convert.ToBase64String(png), "image", side, mayBeText: false, TestContext.Current.CancellationToken);
            var picture = Assert.IsType<ImagePart>(part);
            RgbImage seen = model.Encoder.Seen(whole with { Side = side });
            Assert.NotEqual((300, 200), (seen.Width, seen.Height));
            Assert.Equal((seen.Width, seen.Height, side), (picture.Image!.Width, picture.Image.Height, picture.Side));
            Assert.Equal(seen.Pixels, picture.Image.Pixels);
            Assert.Same(picture.Image, model.Encoder.Seen(picture));
        }
    }

    [Fact]
    public async Task Nothing_is_fetched_unless_hosts_are_named()
    {
        using var other = new PictureServer();
        foreach (string source in (string[])[
            $"http://127.0.0.1:{other.Port}/a.png", $"HTTP://localhost:{other.Port}/a.png", $"http://user:password@127.0.0.1:{other.Port}/a.png",
            $"http://[::1]:{other.Port}/a.png", $"http:\\\\127.0.0.1:{other.Port}\\a.png", $"http:/127.0.0.1:{other.Port}/a.png", $"http:127.0.0.1:{other.Port}/a.png",
            $"//127.0.0.1:{other.Port}/a.png", $"http://2130706433:{other.Port}/a.png", $"http://0x7f000001:{other.Port}/a.png",
            "http://169.254.169.254/latest/meta-data/", "http://metadata.google.internal/", "https://127.0.0.1/"])
        {
            foreach ((string path, string body) in Naming(source))
            {
                RawResponse response = await Server.RawPostAsync(path, body);
                Assert.True(response.Status == 400, $"{path} {body}: {response.Status} {response.Body}");
            }
        }

        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task Named_hosts_are_fetched_from_and_no_others()
    {
        using var other = new PictureServer();
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.RemoteMediaHosts.Add("127.0.0.1");
            options.Media = options.Media with { AllowPrivateAddresses = true };
        });
        Assert.Equal(200, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/a.png")).Status);
        Assert.Single(other.Requests);
        Assert.Equal(200, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/moved/3/a.png")).Status);
        int before = other.Requests.Count;
        foreach (string source in (string[])[
            $"http://localhost:{other.Port}/a.png", $"http://[::1]:{other.Port}/a.png", $"http://127.0.0.1:{other.Port}@localhost:{other.Port}/a.png",
            $"http://localhost:{other.Port}\\@127.0.0.1:{other.Port}/a.png", $"http://localhost:{other.Port}#@127.0.0.1/a.png", $"http://127.0.0.2:{other.Port}/a.png"])
        {
            RawResponse response = await AskAsync(server, source);
            Assert.True(response.Status == 400, $"{source}: {response.Status} {response.Body}");
        }

        Assert.Equal(before, other.Requests.Count);

        // Led elsewhere, or led for ever.
        Assert.Equal(400, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/elsewhere")).Status);
        Assert.Equal(before + 1, other.Requests.Count);
        Assert.Equal(400, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/moved/9/a.png")).Status);
        Assert.Equal(before + 1 + 4, other.Requests.Count);
        Assert.Equal(400, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/file")).Status);

        // No end, and packed small.
        Assert.Equal(400, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/endless")).Status);
        Assert.Equal(400, (await AskAsync(server, $"http://127.0.0.1:{other.Port}/gzip")).Status);
    }

    [Fact]
    public async Task Private_addresses_stay_shut_even_under_named_hosts()
    {
        using var other = new PictureServer();
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.RemoteMediaHosts.Add("127.0.0.1");
            options.RemoteMediaHosts.Add("localhost");
            options.RemoteMediaHosts.Add("169.254.169.254");
        });
        foreach (string source in (string[])[
            $"http://127.0.0.1:{other.Port}/a.png", $"http://localhost:{other.Port}/a.png", "http://169.254.169.254/latest/meta-data/"])
        {
            RawResponse response = await AskAsync(server, source);
            Assert.Equal(400, response.Status);
            Assert.Contains("private network", response.Body, StringComparison.Ordinal);
        }

        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task Pictures_that_say_they_are_huge_are_refused_for_what_they_say()
    {
        (string Name, byte[] File)[] bombs =
        [
            ("100k × 100k", Bombs.Png(100_000, 100_000, rows: 1)), ("2³¹ × 1", Bombs.Png(int.MaxValue, 1, rows: 0)), ("2³² × 2³²", Bombs.Png(uint.MaxValue, uint.MaxValue, rows: 0)),
            ("1 × 2³¹", Bombs.Png(1, int.MaxValue, rows: 1)), ("0 × 0", Bombs.Png(0, 0, rows: 0)), ("65535² GIF", Bombs.Gif(65_535, 65_535, 1)), ("nothing", Bombs.Gif(0, 0, 1)),
            ("34 million", Bombs.Png(34_000_000, 1)),
        ];
        foreach ((string name, byte[] file) in bombs)
        {
            var watch = Stopwatch.StartNew();
            RawResponse response = await AskAsync(Server, Bombs.Base64(file));
            Assert.True(response.Status == 400, $"{name}: {response.Status} {response.Body}");
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"{name} took {watch.Elapsed}.");
        }
    }

    [Fact]
    public async Task Thousands_of_frames_are_one_picture()
    {
        foreach (byte[] file in (byte[][])[Bombs.Gif(100, 100, 20_000), [.. Enumerable.Repeat(await JpegAsync(), 2000).SelectMany(frame => frame)]])
        {
            var watch = Stopwatch.StartNew();
            RawResponse response = await AskAsync(Server, Bombs.Base64(file));
            Assert.True(response.Status is 200 or 400, response.Body);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"It took {watch.Elapsed}.");
        }

        RawResponse list = await AskAsync(Server, "data:video/jpeg;base64," + string.Join(',', Enumerable.Repeat(Bombs.Base64(Bombs.Png(2, 2)), 5000)));
        Assert.Equal(400, list.Status);

        static Task<byte[]> JpegAsync() => Task.FromResult(Convert.FromBase64String(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="));
    }

    [Fact]
    public async Task Sound_that_says_it_is_huge_takes_no_more_than_it_is()
    {
        (string Name, byte[] File)[] bombs =
        [
            ("no rate", Bombs.Wav(0, 1, 16, 1000, 1000)), ("absurd rate", Bombs.Wav(uint.MaxValue, 1, 16, 1000, 1000)), ("one a second", Bombs.Wav(1, 1, 8, 20_000_000, 20_000_000)),
            ("no channels", Bombs.Wav(16_000, 0, 16, 1000, 1000)), ("65535 channels", Bombs.Wav(16_000, 65_535, 16, 1000, 1000)), ("4 GB said", Bombs.Wav(16_000, 1, 16, uint.MaxValue, 1000)),
            ("no bits", Bombs.Wav(16_000, 1, 0, 1000, 1000)), ("65535 bits", Bombs.Wav(16_000, 1, 65_535, 1000, 1000)), ("no such form", Bombs.Wav(16_000, 1, 16, 1000, 1000, 0x55)),
            ("nothing", Bombs.Wav(16_000, 1, 16, 0, 0)), ("ten minutes and more", Bombs.Wav(8000, 1, 8, 8000 * 601, 8000 * 601)),
        ];
        foreach ((string name, byte[] file) in bombs)
        {
            var watch = Stopwatch.StartNew();
            string body = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" + Bombs.Base64(file) + "\",\"format\":\"wav\"}}]}],\"max_tokens\":1}";
            RawResponse response = await Server.RawPostAsync(RawRequests.Chat, body);
            Assert.True(response.Status is 400 || (response.Status is 200 && name is "4 GB said"), $"{name}: {response.Status} {response.Body}");
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"{name} took {watch.Elapsed}.");

            byte[] form =
            [
                .. "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../etc/passwd\"\r\n\r\n"u8, .. file, .. "\r\n--x--\r\n"u8,
            ];
            RawResponse transcribed = await Server.RawPostAsync("/v1/audio/transcriptions", form, "Content-Type: multipart/form-data; boundary=x");
            Assert.True(transcribed.Status is 400 or 200, $"{name}: {transcribed.Status} {transcribed.Body}");
        }
    }

    [Fact]
    public async Task Broken_files_are_the_clients_trouble()
    {
        byte[][] sound = [.. ((string[])["image-00.png", "audio-00.wav"]).Select(name => File.ReadAllBytes(Demo.Golden(name)))];
        byte[][] heads =
        [
            "%PDF-1.7"u8.ToArray(), "RIFF\0\0\0\0WEBPVP8 "u8.ToArray(), "OggS"u8.ToArray(), "fLaC"u8.ToArray(), "ID3"u8.ToArray(), "BM"u8.ToArray(), "GIF89a"u8.ToArray(),
            "FORM\0\0\0\0AIFF"u8.ToArray(), [0xFF, 0xD8, 0xFF, 0xE0], [0xFF, 0xFB, 0x90, 0x44], [0, 0, 0, 24, .. "ftypmp42"u8], [0x1A, 0x45, 0xDF, 0xA3], [0x1F, 0x8B, 8, 0], "PK\u0003\u0004"u8.ToArray(), [],
        ];
        var random = new Random(1);
        foreach (byte[] file in heads.Select(head => head.Concat(Enumerable.Range(0, 2000).Select(_ => (byte)random.Next(256))).ToArray())
            .Concat(sound.SelectMany(good => Enumerable.Range(1, 20).Select(i => good[..(good.Length * i / 21)])))
            .Concat(sound.SelectMany(good => Enumerable.Range(0, 40).Select(_ =>
            {
                byte[] bad = [.. good];
                for (int i = 0; i < 10; i++)
                {
                    bad[random.Next(Math.Min(bad.Length, 200))] = (byte)random.Next(256);
                }

                return bad;
            }))))
        {
            RawResponse response = await AskAsync(Server, Bombs.Base64(file));
            Assert.True(response.Status is 200 or 400, $"{response.Status} {response.Body}: {Convert.ToHexString(file.AsSpan(0, Math.Min(200, file.Length)))}");
            Assert.DoesNotContain("/tmp", response.Body, StringComparison.Ordinal);
        }
    }

    static Task<RawResponse> AskAsync(RunningServer server, string source) => server.RawPostAsync(
        RawRequests.Chat,
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":" + System.Text.Json.JsonSerializer.Serialize(source)
            + "}}]}],\"max_tokens\":1}");

    /// <summary>Another server on this machine, that has a picture, and leads those who ask for it around.</summary>
    sealed class PictureServer : IDisposable
    {
        readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        readonly byte[] _picture = Bombs.Png(8, 8);

        public PictureServer()
        {
            _listener.Start();
            _ = ListenAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public System.Collections.Concurrent.ConcurrentQueue<string> Requests { get; } = new();

        public void Dispose() => _listener.Dispose();

        async Task ListenAsync()
        {
            try
            {
                while (true)
                {
                    TcpClient client = await _listener.AcceptTcpClientAsync();
                    _ = AnswerAsync(client);
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        async Task AnswerAsync(TcpClient client)
        {
            using (client)
            {
                NetworkStream stream = client.GetStream();
                byte[] buffer = new byte[8192];
                int read = await stream.ReadAsync(buffer);
                string path = Encoding.ASCII.GetString(buffer, 0, read).Split(' ')[1];
                Requests.Enqueue(path);
                string[] parts = path.Trim('/').Split('/');
                try
                {
                    switch (parts[0])
                    {
                        case "moved":
                            int left = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) - 1;
                            await SendAsync($"HTTP/1.1 302 Found\r\nLocation: {(left == 0 ? "/a.png" : $"/moved/{left}/a.png")}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                            break;
                        case "elsewhere":
                            await SendAsync($"HTTP/1.1 302 Found\r\nLocation: http://localhost:{Port}/a.png\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                            break;
                        case "file":
                            await SendAsync("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                            break;
                        case "endless":
                            await SendAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
                            for (int i = 0; i < 100; i++)
                            {
                                await stream.WriteAsync(new byte[1 << 20]);
                            }

                            break;
                        case "gzip":
                            using (var packed = new MemoryStream())
                            {
                                using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
                                {
                                    for (int i = 0; i < 100; i++)
                                    {
                                        gzip.Write(new byte[1 << 20]);
                                    }
                                }

                                await SendAsync($"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {packed.Length}\r\nConnection: close\r\n\r\n");
                                await stream.WriteAsync(packed.ToArray());
                            }

                            break;
                        default:
                            await SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: {_picture.Length}\r\nConnection: close\r\n\r\n");
                            await stream.WriteAsync(_picture);
                            break;
                    }
                }
                catch (IOException)
                {
                    // Who has enough hangs up.
                }

                async Task SendAsync(string head) => await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
            }
        }
    }
}
