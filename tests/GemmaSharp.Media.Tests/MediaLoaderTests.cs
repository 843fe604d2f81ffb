using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GemmaSharp.Media.Tests;

/// <summary>The one door, with a server on the loopback address that answers as it is told.</summary>
public sealed class MediaLoaderTests : IDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _end = new();

    public MediaLoaderTests()
    {
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    static MediaOptions Remote => new() { AllowRemote = true, AllowPrivateAddresses = true, RemoteTimeout = TimeSpan.FromSeconds(20) };

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    async Task ServeAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync(_end.Token);
            _ = Task.Run(() => AnswerAsync(client));
        }
    }

    async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            NetworkStream stream = client.GetStream();
            using StreamReader reader = new(stream, Encoding.ASCII, leaveOpen: true);
            string path = (await reader.ReadLineAsync(_end.Token))!.Split(' ', '?')[1];
            while (await reader.ReadLineAsync(_end.Token) is { Length: > 0 })
            {
                // The request's headers do not matter.
            }

            byte[] picture = File.ReadAllBytes(TestFiles.Fixture("exif-6.png"));
            (string head, byte[] body) = path switch
            {
                "/picture" => ($"200 OK\r\nContent-Length: {picture.Length}\r\nContent-Type: text/plain", picture),
                "/moved" => ("302 Found\r\nLocation: /picture\r\nContent-Length: 0", []),
                "/circle" => ("302 Found\r\nLocation: /circle\r\nContent-Length: 0", []),
                "/to-file" => ("302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0", []),
                "/page" => ("200 OK\r\nContent-Type: image/png\r\nContent-Length: 21", "<!doctype html><html>"u8.ToArray()),
                "/promises-much" => ("200 OK\r\nContent-Length: 99999999999", []),
                "/endless" or "/silent" => ("200 OK\r\nConnection: close", picture),
                _ => ("404 Not Found\r\nContent-Length: 0", Array.Empty<byte>()),
            };
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {head}\r\n\r\n"), _end.Token);
            await stream.WriteAsync(body, _end.Token);
            while (path == "/endless")
            {
                await stream.WriteAsync(new byte[10_000], _end.Token);
            }

            if (path == "/silent")
            {
                await Task.Delay(Timeout.Infinite, _end.Token);
            }
        }
    }

    static async Task<string> RefusalAsync(string source, MediaOptions options)
    {
        using MediaLoader loader = new(options);
        return (await Assert.ThrowsAsync<MediaException>(() => loader.LoadImageAsync(source, null, TestContext.Current.CancellationToken))).Message;
    }

    [Fact]
    public async Task LoadImage_PathUrlsAndMemory_GiveTheSamePicture()
    {
        string path = TestFiles.Fixture("exif-6.png");
        byte[] bytes = File.ReadAllBytes(path);
        using MediaLoader loader = new(Remote);
        byte[] expected = loader.LoadImage(bytes).Pixels;
        string[] sources = [path, new Uri(path).AbsoluteUri, "data:image/png;base64," + Convert.ToBase64String(bytes), Address + "/picture", Address + "/moved?secret=1"];
        foreach (string source in sources)
        {
            Assert.Equal(expected, (await loader.LoadImageAsync(source, null, TestContext.Current.CancellationToken)).Pixels);
        }
    }

    [Fact]
    public async Task Load_AddressesNotAllowed_AreRefused()
    {
        Assert.Contains("allow remote media", await RefusalAsync(Address + "/picture", MediaOptions.Default), StringComparison.Ordinal);
        Assert.Contains("private network", await RefusalAsync(Address + "/picture", new MediaOptions { AllowRemote = true }), StringComparison.Ordinal);
        Assert.Contains("private network", await RefusalAsync("http://localhost:1/", new MediaOptions { AllowRemote = true }), StringComparison.Ordinal);
        Assert.Contains("private network", await RefusalAsync("http://[::ffff:127.0.0.1]:1/", new MediaOptions { AllowRemote = true }), StringComparison.Ordinal);
        Assert.Contains("ftp://", await RefusalAsync("ftp://127.0.0.1/picture", Remote), StringComparison.Ordinal);
        Assert.Contains("not a well-formed address", await RefusalAsync("http://", Remote), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_FilesNotAllowed_AreRefused()
    {
        MediaOptions options = new() { AllowFiles = false };
        string path = TestFiles.Fixture("exif-6.png");
        Assert.Contains("may not be read here", await RefusalAsync(path, options), StringComparison.Ordinal);
        Assert.Contains("may not be read here", await RefusalAsync(new Uri(path).AbsoluteUri, options), StringComparison.Ordinal);
        using MediaLoader loader = new(options);
        await loader.LoadImageAsync("data:;base64," + Convert.ToBase64String(File.ReadAllBytes(path)), null, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Load_BadAnswers_AreToldApart()
    {
        Assert.Contains("answers 404", await RefusalAsync(Address + "/nothing", Remote), StringComparison.Ordinal);
        Assert.Contains("answers 302", await RefusalAsync(Address + "/to-file", Remote), StringComparison.Ordinal);
        Assert.Contains("answers 302", await RefusalAsync(Address + "/circle", Remote), StringComparison.Ordinal);
        Assert.Contains("HTML file and a picture is needed", await RefusalAsync(Address + "/page", Remote), StringComparison.Ordinal);
        Assert.Contains("cannot be fetched", await RefusalAsync("http://127.0.0.1:1/", Remote), StringComparison.Ordinal);
        string message = await RefusalAsync(Address + "/nothing?key=secret", Remote);
        Assert.DoesNotContain("secret", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_TooMuchOrTooSlow_IsStopped()
    {
        MediaOptions options = Remote with { MaxFileBytes = 1 << 20 };
        Assert.Contains("1048576 are allowed", await RefusalAsync(Address + "/promises-much", options), StringComparison.Ordinal);
        Assert.Contains("1048576 are allowed", await RefusalAsync(Address + "/endless", options), StringComparison.Ordinal);
        Assert.Contains("after 0.5 seconds", await RefusalAsync(Address + "/silent", Remote with { RemoteTimeout = TimeSpan.FromSeconds(0.5) }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_Cancelled_ThrowsThat()
    {
        using MediaLoader loader = new(Remote);
        using CancellationTokenSource source = new(200);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loader.LoadImageAsync(Address + "/silent", null, source.Token));
    }

    [Fact]
    public async Task LoadAudio_LongFile_IsSplitOrCutToTheWindow()
    {
        using MediaLoader loader = new();
        string path = TestFiles.Golden("audio", "thirty-one-seconds.wav");
        AudioContent whole = await loader.LoadAudioAsync(path, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(2, whole.Clips.Count);
        Assert.Equal(31, whole.Duration.TotalSeconds, 1e-9);
        Assert.StartsWith("thirty-one-seconds.wav is 31 s long", Assert.Single(whole.Notices), StringComparison.Ordinal);

        AudioWindow window = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        AudioContent piece = await loader.LoadAudioAsync(path, window, TestContext.Current.CancellationToken);
        Assert.Equal(480_000, Assert.Single(piece.Clips).Samples.Length);
        Assert.Empty(piece.Notices);
        Assert.Equal(whole.Clips.SelectMany(clip => clip.Samples).Skip(16_000), piece.Clips[0].Samples);
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("100.128.0.1", true)]
    [InlineData("172.32.0.1", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("0.0.0.0", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("127.8.8.8", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.16.0.1", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("198.18.0.1", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("::", false)]
    [InlineData("::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("64:ff9b::7f00:1", false)]
    [InlineData("2002:7f00:1::", false)]
    [InlineData("2001::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("ff02::1", false)]
    public void IsPublic_Address_IsToldApart(string address, bool expected) =>
        Assert.Equal(expected, AddressGuard.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public async Task LoadAsync_Messages_ReadsEachSourceOnceAndKeepsItsName()
    {
        string picture = TestFiles.Golden("images", "pixel.png");
        string sound = TestFiles.Golden("audio", "one-second.wav"), longSound = TestFiles.Golden("audio", "thirty-one-seconds.wav");
        ChatMessage[] messages =
        [
            ChatMessage.System("Be brief."),
            ChatMessage.User(
                [new ImagePart(null, picture), new AudioPart(null, sound), new AudioPart(null, longSound), new ImagePart(null, picture), new TextPart("?")]),
        ];
        using var loader = new MediaLoader();
        var notices = new List<string>();
        IReadOnlyList<ChatMessage> read = await loader.LoadAsync(messages, notice: notices.Add, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Same(messages[0], read[0]);
        var image = Assert.IsType<ImagePart>(read[1].Parts[0]);
        Assert.Equal((picture, 1, 1), (image.Source, image.Image!.Width, image.Image.Height));
        Assert.Same(image, read[1].Parts[3]);
        Assert.Equal((sound, 16_000), (Assert.IsType<AudioPart>(read[1].Parts[1]).Source, ((AudioPart)read[1].Parts[1]).Clip!.Samples.Length));
        var split = Assert.IsType<LongAudioPart>(read[1].Parts[2]);
        Assert.Equal((longSound, 2), (split.Source, split.Clips.Count));
        Assert.Collection(
            notices,
            notice => Assert.StartsWith("pixel.png is 1×1 pixels", notice, StringComparison.Ordinal),
            notice => Assert.Contains("2 clips", notice, StringComparison.Ordinal));
        Assert.Equal(5, read[1].Parts.Count);

        // What has been read is not read again.
        IReadOnlyList<ChatMessage> again = await loader.LoadAsync(read, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(read, again);
    }

    [Fact]
    public async Task LoadAsync_MessageWithMissingFile_NamesIt()
    {
        using var loader = new MediaLoader();
        ChatMessage message = ChatMessage.User([new VideoPart(null, null, "none.mp4")]);
        var error = await Assert.ThrowsAsync<MediaException>(() => loader.LoadAsync([message], cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("none.mp4", error.Message, StringComparison.Ordinal);
    }
}
