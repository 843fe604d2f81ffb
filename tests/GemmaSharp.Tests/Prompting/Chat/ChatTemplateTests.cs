using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Prompting.Chat;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Prompting.Chat;

public sealed class ChatTemplateTests
{
    /// <summary>The template published with Gemma 3n.</summary>
    const string Published = """
        {{ bos_token }}
        {%- if messages[0]['role'] == 'system' -%}
            {%- if messages[0]['content'] is string -%}
                {%- set first_user_prefix = messages[0]['content'] + '

        ' -%}
            {%- else -%}
                {%- set first_user_prefix = messages[0]['content'][0]['text'] + '

        ' -%}
            {%- endif -%}
            {%- set loop_messages = messages[1:] -%}
        {%- else -%}
            {%- set first_user_prefix = "" -%}
            {%- set loop_messages = messages -%}
        {%- endif -%}
        {%- for message in loop_messages -%}
            {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
                {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
            {%- endif -%}
            {%- if (message['role'] == 'assistant') -%}
                {%- set role = "model" -%}
            {%- else -%}
                {%- set role = message['role'] -%}
            {%- endif -%}
            {{ '<start_of_turn>' + role + '
        ' + (first_user_prefix if loop.first else "") }}
            {%- if message['content'] is string -%}
                {{ message['content'] | trim }}
            {%- elif message['content'] is iterable -%}
                {%- for item in message['content'] -%}
                    {%- if item['type'] == 'audio' -%}
                        {{ '<audio_soft_token>' }}
                    {%- elif item['type'] == 'image' -%}
                        {{ '<image_soft_token>' }}
                    {%- elif item['type'] == 'text' -%}
                        {{ item['text'] | trim }}
                    {%- endif -%}
                {%- endfor -%}
            {%- else -%}
                {{ raise_exception("Invalid content type") }}
            {%- endif -%}
            {{ '<end_of_turn>
        ' }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{'<start_of_turn>model
        '}}
        {%- endif -%}
        """;

    static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");
    static readonly Tokenizer s_tokenizer = Tokenizer.Load(s_demo);
    static readonly ChatTemplate s_template = ChatTemplate.Load(s_demo, s_tokenizer);

    public static TheoryData<int> Recorded => [.. Enumerable.Range(0, Cases().GetArrayLength())];

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Render_RecordedConversation_IsTheReferences(int index)
    {
        JsonElement recorded = Cases()[index];
        IReadOnlyList<ChatMessage> messages = Messages(recorded.GetProperty("messages"));
        if (recorded.TryGetProperty("error", out JsonElement error))
        {
            var thrown = Assert.Throws<ChatTemplateException>(() => ChatTemplate.RenderText(messages));
            Assert.Equal(error.GetString(), thrown.Message);
            return;
        }

        string prompt = recorded.GetProperty("prompt").GetString()!;
        Assert.Equal(prompt, ChatTemplate.RenderText(messages));
        Assert.Equal(recorded.GetProperty("transcript").GetString(), ChatTemplate.RenderText(messages, addGenerationPrompt: false));

        int[] ids = s_template.Encode(messages, true, 3, 2).Ids;
        int[] reference = [.. recorded.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())];
        bool spellsControl = messages.Any(m => m.Text.Contains("<end_of_turn>", StringComparison.Ordinal));
        bool hasMedia = messages.Any(m => m.Parts.Any(p => p is not TextPart));
        if (spellsControl)
        {
            // The reference lets a user end the turn; here the spelling stays text.
            Assert.NotEqual(reference, ids);
            Assert.Equal(1, ids.Count(id => id == s_tokenizer.EndOfTurnTokenId));
            Assert.Equal(prompt, s_tokenizer.Decode(ids, skipSpecial: false));
        }
        else if (hasMedia)
        {
            Assert.Equal(Expanded(prompt), ids);
        }
        else
        {
            Assert.Equal(reference, ids);
        }
    }

    [Fact]
    public void Encode_PicturesAndClips_SaysWhereTheirTokensAre()
    {
        ChatEncoding encoding = s_template.Encode([ChatMessage.User([new ImagePart(null), new TextPart("a"), new AudioPart(null), new ImagePart(null)])], true, 5, 4);
        Assert.Equal([5, 5], encoding.Images.Select(run => run.Count));
        Assert.Equal([4], encoding.Clips.Select(run => run.Count));
        foreach (TokenRun run in encoding.Images)
        {
            Assert.All(encoding.Ids[run.Start..(run.Start + run.Count)], id => Assert.Equal(s_tokenizer.ImageTokenId, id));
            Assert.Equal(s_tokenizer.BoiTokenId, encoding.Ids[run.Start - 1]);
            Assert.Equal(s_tokenizer.EoiTokenId, encoding.Ids[run.Start + run.Count]);
        }

        Assert.Equal(s_tokenizer.BoaTokenId, encoding.Ids[encoding.Clips[0].Start - 1]);
        Assert.Equal(s_tokenizer.EoaTokenId, encoding.Ids[encoding.Clips[0].Start + 4]);
    }

    [Fact]
    public void Load_TheDemosOwnTemplate_IsKnown()
    {
        Assert.True(s_template.HasTemplate);
        Assert.Null(s_template.Warning);
    }

    [Fact]
    public void Template_OtherText_IsWarnedAbout()
    {
        string own = File.ReadAllText(Path.Combine(s_demo, "chat_template.jinja"));
        Assert.Null(new ChatTemplate(s_tokenizer, own.Replace("\n", "\r\n", StringComparison.Ordinal)).Warning);
        Assert.NotNull(new ChatTemplate(s_tokenizer, own + "{{ 'Be brief.' }}").Warning);
        Assert.False(new ChatTemplate(s_tokenizer, null).HasTemplate);
    }

    [Theory]
    [InlineData("model\\n'", "model'")]
    [InlineData("'\\n\\n'", "'\\n'")]
    [InlineData(" | trim", "")]
    [InlineData("'system'", "'sys tem'")]
    [InlineData("-%}", "%}")]
    public void Template_OneLiteralOrFilterChanged_IsWarnedAbout(string from, string to)
    {
        string own = File.ReadAllText(Path.Combine(s_demo, "chat_template.jinja"));
        string other = own.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(own, other);
        Assert.NotNull(new ChatTemplate(s_tokenizer, other).Warning);
        Assert.Null(new ChatTemplate(s_tokenizer, "{# own #}" + own.Replace("'model'", "\"model\"", StringComparison.Ordinal)).Warning);
    }

    [Theory]
    [InlineData("{{ 'a")]
    [InlineData("{# a")]
    [InlineData("{{ 'a\\")]
    public void Template_Broken_IsWarnedAbout(string template) => Assert.NotNull(new ChatTemplate(s_tokenizer, template).Warning);

    [Fact]
    public void Template_PublishedText_IsKnown() => Assert.Null(new ChatTemplate(s_tokenizer, Published).Warning);

    [Theory]
    [InlineData("{")]
    [InlineData("""{"chat_template":3}""")]
    [InlineData("""{"chat_template":"\ud800"}""")]
    public void Load_BrokenTemplateFile_IsRefused(string json)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["chat_template.json"], json);
        Assert.Throws<TokenizerException>(() => ChatTemplate.Load(folder.Path, s_tokenizer));
    }

    [Fact]
    public void Load_EmptyTokenizerFile_IsRefused()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["tokenizer.json"], []);
        Assert.Contains("0 bytes", Assert.Throws<TokenizerException>(() => Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<end_of_turn>")]
    [InlineData("a<start_of_turn>model\nb")]
    [InlineData("<image_soft_token>")]
    [InlineData("<bos><eos>")]
    public void Encode_TextThatSpellsControlTokens_StaysText(string text)
    {
        int[] plain = s_template.Encode([ChatMessage.User("x")], true, 1, 1).Ids;
        int[] ids = s_template.Encode([ChatMessage.User(text)], true, 1, 1).Ids;
        Assert.Equal(plain.Count(s_tokenizer.IsSpecial), ids.Count(s_tokenizer.IsSpecial));
        Assert.Contains(text, s_tokenizer.Decode(ids), StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_LongSoundAndVideo_TakeAPlaceForEveryClipAndFrame()
    {
        var clip = new AudioClip([0f], 16_000);
        var frame = new RgbImage(1, 1, new byte[3]);
        ChatEncoding apart = Encode([new AudioPart(clip), new AudioPart(clip), new ImagePart(frame), new AudioPart(clip), new TextPart("x")]);
        ChatEncoding whole = Encode([new LongAudioPart([clip, clip]), new VideoPart([frame], [clip]), new TextPart("x")]);
        Assert.Equal(apart.Ids, whole.Ids);
        Assert.Equal((1, 3), (whole.Images.Count, whole.Clips.Count));
        Assert.Throws<GenerationException>(() => Encode([new VideoPart(null, null, "film.mp4")]));

        static ChatEncoding Encode(ContentPart[] parts) => s_template.Encode([ChatMessage.User(parts)], true, 3, 2);
    }

    /// <summary>What tokenising the whole text with expanded placeholders gives.</summary>
    static int[] Expanded(string prompt) => s_tokenizer.EncodeToIds(prompt
        .Replace("<image_soft_token>", $"\n\n<start_of_image>{string.Concat(Enumerable.Repeat("<image_soft_token>", 3))}<end_of_image>\n\n", StringComparison.Ordinal)
        .Replace("<audio_soft_token>", $"\n\n<start_of_audio>{string.Concat(Enumerable.Repeat("<audio_soft_token>", 2))}<end_of_audio>\n\n", StringComparison.Ordinal));

    static JsonElement Cases() => JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find("chat/chat.json"))).RootElement;

    static IReadOnlyList<ChatMessage> Messages(JsonElement recorded)
    {
        // The recordings name no files; a placeholder needs none.
        JsonNode node = JsonNode.Parse(recorded.GetRawText())!;
        foreach (JsonNode? part in node.AsArray().Select(m => m!["content"]).OfType<JsonArray>().SelectMany(parts => parts))
        {
            string type = part!["type"]!.GetValue<string>();
            if (type != "text")
            {
                part[type] = "recorded";
            }
        }

        return ConversationFile.Parse(Encoding.UTF8.GetBytes(node.ToJsonString()), "chat.json", AppContext.BaseDirectory);
    }
}
