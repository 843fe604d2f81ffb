using System.Text;

namespace GemmaSharp.Prompting.Chat;

/// <summary>Gemma 3n's chat template: a conversation to the text or the ids of a prompt.</summary>
/// <remarks>
/// Built in, not interpreted: a checkpoint with another template of its own gets a warning. Ids are those of the rendered text as a whole, so runs of newlines
/// join across the borders of messages; but control tokens come from the template alone: text that spells one stays text. Immutable, thread-safe.
/// </remarks>
sealed class ChatTemplate
{
    const string StartOfTurn = "<start_of_turn>";
    const string EndOfTurn = "<end_of_turn>";
    const string ImagePlaceholder = "<image_soft_token>";
    const string AudioPlaceholder = "<audio_soft_token>";

    readonly Tokenizer _tokenizer;

    /// <summary>Makes the template for a tokenizer.</summary>
    /// <param name="tokenizer">Supplies the control tokens.</param>
    /// <param name="ownTemplate">The checkpoint's own template text; null when it has none and is a base model.</param>
    /// <param name="isEdited">Whether programs that make such files edit templates, so that any with the model's turns is taken for one of its.</param>
    public ChatTemplate(Tokenizer tokenizer, string? ownTemplate, bool isEdited = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        HasTemplate = ownTemplate is not null;
        if (ownTemplate is not null && !(isEdited && ownTemplate.Contains("<start_of_turn>", StringComparison.Ordinal))
            && !ChatTemplateText.IsKnown(ownTemplate))
        {
            Warning = "The checkpoint's chat template is not one of those known for Gemma 3n; prompts are rendered by the built-in one, so check an answer "
                + "before relying on it.";
        }
    }

    /// <summary>Whether the checkpoint has a chat template; a base model has none and only continues plain text.</summary>
    public bool HasTemplate { get; }

    /// <summary>What to tell the user about the checkpoint's own template; null when it is a known one.</summary>
    public string? Warning { get; }

    /// <summary>Reads the checkpoint's own template: <c>chat_template.jinja</c>, else <c>chat_template.json</c>, else <c>tokenizer_config.json</c>.</summary>
    /// <exception cref="TokenizerException">A file is broken.</exception>
    public static ChatTemplate Load(string folder, Tokenizer tokenizer) => new(tokenizer, ChatTemplateFiles.Read(folder));

    /// <summary>Renders a conversation as text, one placeholder for each picture and clip.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="addGenerationPrompt">Whether the model's turn is opened at the end.</param>
    /// <exception cref="ChatTemplateException">The roles do not alternate, or a system message has no text.</exception>
    public static string RenderText(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = true)
    {
        var sink = new TextSink();
        Render(messages, addGenerationPrompt, sink);
        return sink.ToString();
    }

    /// <summary>Renders a conversation as ids.</summary>
    /// <param name="messages">The messages.</param>
    /// <param name="addGenerationPrompt">Whether the model's turn is opened at the end.</param>
    /// <param name="imageTokens">Soft tokens of a picture.</param>
    /// <param name="audioTokens">Soft tokens of a clip.</param>
    /// <param name="goesOn">Whether an answer at the end is left open, to be gone on with; the model's turn is then not opened again.</param>
    /// <exception cref="ChatTemplateException">The roles do not alternate, or a system message has no text.</exception>
    /// <exception cref="TokenizerException">The vocabulary lacks a control token.</exception>
    public ChatEncoding Encode(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, int imageTokens, int audioTokens, bool goesOn = false)
    {
        var sink = new IdSink(_tokenizer, imageTokens, audioTokens);
        Render(messages, addGenerationPrompt, sink, goesOn);
        return sink.ToEncoding();
    }

    static void Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, ISink sink, bool goesOn = false)
    {
        ArgumentNullException.ThrowIfNull(messages);
        sink.Control("<bos>");
        string prefix = "";
        int first = 0;
        if (messages.Count > 0 && messages[0].Role == ChatMessage.SystemRole)
        {
            prefix = SystemText(messages[0]) + "\n\n";
            first = 1;
        }

        for (int i = first; i < messages.Count; i++)
        {
            ChatMessage message = messages[i];
            if ((message.Role == ChatMessage.UserRole) != ((i - first) % 2 == 0))
            {
                throw new ChatTemplateException("Conversation roles must alternate user/assistant/user/assistant/...");
            }

            sink.Control(StartOfTurn);
            sink.Text(message.Role == ChatMessage.AssistantRole ? "model" : message.Role);
            sink.Text(i == first ? "\n" + prefix : "\n");
            foreach (ContentPart part in message.Pieces)
            {
                switch (part)
                {
                    case TextPart text:
                        sink.Text(Trim(text.Text));
                        break;
                    case ImagePart:
                        sink.Image();
                        break;
                    case AudioPart:
                        sink.Audio();
                        break;
                }
            }

            if (goesOn && i == messages.Count - 1 && message.Role == ChatMessage.AssistantRole)
            {
                return;
            }

            sink.Control(EndOfTurn);
            sink.Text("\n");
        }

        if (addGenerationPrompt)
        {
            sink.Control(StartOfTurn);
            sink.Text("model\n");
        }
    }

    static string SystemText(ChatMessage message) => message.Parts is [TextPart text, ..]
        ? text.Text
        : throw new ChatTemplateException("The system message does not begin with a text; give its instructions as text.");

    /// <summary>Trims what Python's <c>strip</c> trims, which the reference's template uses.</summary>
    static string Trim(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsSpace(text[start]))
        {
            start++;
        }

        while (end > start && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[start..end];

        static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';
    }

    interface ISink
    {
        void Text(string text);

        void Control(string piece);

        void Image();

        void Audio();
    }

    sealed class TextSink : ISink
    {
        readonly StringBuilder _text = new();

        public void Text(string text) => _text.Append(text);

        public void Control(string piece) => _text.Append(piece);

        public void Image() => _text.Append(ImagePlaceholder);

        public void Audio() => _text.Append(AudioPlaceholder);

        public override string ToString() => _text.ToString();
    }

    /// <summary>Encodes all text between two control tokens as one, since tokens may join across the border of template and message.</summary>
    sealed class IdSink(Tokenizer tokenizer, int imageTokens, int audioTokens) : ISink
    {
        readonly List<int> _ids = [];
        readonly StringBuilder _text = new();
        readonly List<TokenRun> _images = [];
        readonly List<TokenRun> _clips = [];

        public void Text(string text) => _text.Append(text);

        public void Control(string piece)
        {
            Flush();
            _ids.Add(tokenizer.TryGetId(piece, out int id) ? id : throw new TokenizerException(
                $"The vocabulary has no token {piece}, which the chat template needs; use the tokenizer of a Gemma 3n chat model."));
        }

        public void Image() => Expand("<start_of_image>", ImagePlaceholder, "<end_of_image>", imageTokens, _images);

        public void Audio() => Expand("<start_of_audio>", AudioPlaceholder, "<end_of_audio>", audioTokens, _clips);

        public ChatEncoding ToEncoding()
        {
            Flush();
            return new ChatEncoding([.. _ids], _images, _clips);
        }

        void Expand(string begin, string soft, string end, int count, List<TokenRun> runs)
        {
            Text("\n\n");
            Control(begin);
            runs.Add(new TokenRun(_ids.Count, count));
            Control(soft);
            int id = _ids[^1];
            for (int i = 1; i < count; i++)
            {
                _ids.Add(id);
            }

            Control(end);
            Text("\n\n");
        }

        void Flush()
        {
            if (_text.Length > 0)
            {
                tokenizer.Encode(_text.ToString(), allowSpecial: false, _ids);
                _text.Clear();
            }
        }
    }
}
