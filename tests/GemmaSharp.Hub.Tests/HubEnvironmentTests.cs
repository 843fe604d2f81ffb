namespace GemmaSharp.Hub.Tests;

public sealed class HubEnvironmentTests : IDisposable
{
    readonly Dictionary<string, string> _variables = new(StringComparer.Ordinal);
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-hub-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Cache_Variables_GoFromTheNearestToTheFarthest()
    {
        Set("HF_HUB_CACHE", "/hub", "HUGGINGFACE_HUB_CACHE", "/old", "HF_HOME", "/home", "XDG_CACHE_HOME", "/caches");
        Assert.Equal("/hub", Cache());
        Set("HF_HUB_CACHE", "");
        Assert.Equal("/old", Cache());
        _variables.Remove("HUGGINGFACE_HUB_CACHE");
        Assert.Equal(Path.Combine("/home", "hub"), Cache());
        _variables.Remove("HF_HOME");
        Assert.Equal(Path.Combine("/caches", "huggingface", "hub"), Cache());
        _variables.Clear();
        Assert.EndsWith(Path.Combine(".cache", "huggingface", "hub"), Cache(), StringComparison.Ordinal);
    }

    [Fact]
    public void Cache_HomeAndVariablesInIt_AreExpanded()
    {
        Set("DISK", "/big", "HF_HUB_CACHE", "$DISK/${DISK}/$NONE/x");
        Assert.Equal("/big//big/$NONE/x", Cache());
        Set("HF_HUB_CACHE", "~/hub");
        Assert.Equal(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + "/hub", Cache());
    }

    [Fact]
    public void Token_Places_GoFromTheNearestToTheFarthest()
    {
        string home = _folder.FullName, path = Path.Combine(home, "other");
        File.WriteAllText(Path.Combine(home, "token"), "\n hf_home\r\n");
        File.WriteAllText(path, "hf_path\n");
        Set("HF_TOKEN", " hf_one\n", "HUGGING_FACE_HUB_TOKEN", "hf_two", "HF_TOKEN_PATH", path, "HF_HOME", home);
        Assert.Equal(("hf_given", "the token that was given"), Token("hf_given"));
        Assert.Equal(("hf_one", "the variable HF_TOKEN"), Token());
        _variables.Remove("HF_TOKEN");
        Assert.Equal(("hf_two", "the variable HUGGING_FACE_HUB_TOKEN"), Token());
        _variables.Remove("HUGGING_FACE_HUB_TOKEN");
        Assert.Equal(("hf_path", $"the file {path}"), Token());
        _variables.Remove("HF_TOKEN_PATH");
        Assert.Equal(("hf_home", $"the file {Path.Combine(home, "token")}"), Token());
        Set("HF_HUB_DISABLE_IMPLICIT_TOKEN", "yes");
        Assert.Null(Token());
        _variables.Clear();
        Set("HF_HOME", path);
        Assert.Null(Token());
    }

    [Theory]
    [InlineData("two words")]
    [InlineData("hf_\u00e4")]
    [InlineData("hf_\r\nX-Header: 1")]
    [InlineData("")]
    public void Token_ThatIsNone_IsRefusedWithoutBeingShown(string text)
    {
        HubException error = Assert.Throws<HubException>(() => Token(text));
        Assert.Equal((HubFailure.BadSetting, "The access token of the token that was given is empty or holds white space or characters that are no ASCII; copy it again."),
            (error.Failure, error.Message));
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("on", true)]
    [InlineData("Yes", true)]
    [InlineData(" TRUE ", true)]
    [InlineData("0", false)]
    [InlineData("", false)]
    [InlineData("offline", false)]
    public void Offline_Words_AreTheHubsOwn(string value, bool isOffline)
    {
        Set("HF_HUB_OFFLINE", value);
        Assert.Equal(isOffline ? "HF_HUB_OFFLINE" : null, HubEnvironment.Offline(_variables.GetValueOrDefault));
        _variables.Clear();
        Set("TRANSFORMERS_OFFLINE", value);
        Assert.Equal(isOffline ? "TRANSFORMERS_OFFLINE" : null, HubEnvironment.Offline(_variables.GetValueOrDefault));
    }

    [Theory]
    [InlineData("https://mirror.example", "https://mirror.example/")]
    [InlineData("https://mirror.example//", "https://mirror.example/")]
    [InlineData("http://127.0.0.1:80/artifactory/api/hub/", "http://127.0.0.1/artifactory/api/hub/")]
    public void Endpoint_Address_KeepsItsPath(string given, string address)
    {
        Set("HF_ENDPOINT", given);
        Assert.Equal(address, HubEnvironment.Endpoint(null, null, _variables.GetValueOrDefault).AbsoluteUri);
        Assert.Equal(address, HubEnvironment.Endpoint(new Uri(given), null, _ => null).AbsoluteUri);
        Assert.Equal(address, HubEnvironment.Endpoint(null, given, _ => null).AbsoluteUri);
    }

    [Theory]
    [InlineData("mirror.example")]
    [InlineData("ftp://mirror.example")]
    [InlineData("https://name:word@mirror.example")]
    [InlineData("https://mirror.example/?x=1")]
    public void Endpoint_ThatIsNone_IsRefused(string given)
    {
        Set("HF_ENDPOINT", given);
        HubException error = Assert.Throws<HubException>(() => HubEnvironment.Endpoint(null, null, _variables.GetValueOrDefault));
        Assert.Equal(HubFailure.BadSetting, error.Failure);
        Assert.StartsWith($"HF_ENDPOINT is \"{given}\"; an address that begins with https:// or http:// is needed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Endpoint_NotSetAndNotBuiltIn_SaysWhatToSet()
    {
        HubException error = Assert.Throws<HubException>(() => HubEnvironment.Endpoint(null, null, _ => null));
        Assert.Equal("HF_ENDPOINT is not set and this build of the program knows no hub; set HF_ENDPOINT to the address of the hub or of a mirror of it.", error.Message);
    }

    [Theory]
    [InlineData("15", 15)]
    [InlineData("2.5", 2.5)]
    [InlineData("0", 10)]
    [InlineData("-1", 10)]
    [InlineData("soon", 10)]
    [InlineData("1e9", 10)]
    [InlineData("", 10)]
    public void Seconds_WhatIsATime_Counts(string given, double seconds)
    {
        Set("HF_HUB_ETAG_TIMEOUT", given);
        Assert.Equal(TimeSpan.FromSeconds(seconds), HubEnvironment.Seconds(_variables.GetValueOrDefault, "HF_HUB_ETAG_TIMEOUT", 10));
    }

    [Fact]
    public void Options_OutOfTheirRange_AreNamed()
    {
        Assert.Equal("MaxConnections", Assert.Throws<ArgumentException>(() => new HubOptions { MaxConnections = 0 }.Validate()).ParamName);
        Assert.Equal("MaxConnectionsPerFile", Assert.Throws<ArgumentException>(() => new HubOptions { MaxConnectionsPerFile = 65 }.Validate()).ParamName);
        Assert.Equal("ConnectTimeout", Assert.Throws<ArgumentException>(() => new HubOptions { ConnectTimeout = TimeSpan.Zero }.Validate()).ParamName);
        Assert.Equal("StallTimeout", Assert.Throws<ArgumentException>(() => new HubOptions { StallTimeout = TimeSpan.FromDays(2) }.Validate()).ParamName);
        Assert.Equal("Retries", Assert.Throws<ArgumentException>(() => new HubOptions { Retries = -1 }.Validate()).ParamName);
        new HubOptions().Validate();
    }

    void Set(params string[] pairs)
    {
        for (int i = 0; i < pairs.Length; i += 2)
        {
            _variables[pairs[i]] = pairs[i + 1];
        }
    }

    string Cache() => HubEnvironment.Cache(_variables.GetValueOrDefault);

    (string, string)? Token(string? given = null) => HubEnvironment.Token(given, _variables.GetValueOrDefault) is HubToken token ? (token.Text, token.Source) : null;
}
