using System.CommandLine;
using GemmaSharp.Cli.Conversations;

namespace GemmaSharp.Cli.Options;

/// <summary>What the model is asked: a prompt with pictures and sound, or a whole conversation.</summary>
sealed class PromptOptions
{
    readonly Argument<string?> _argument = new(
        "PROMPT")
    { Description = "The question, behind the text on standard input if that is redirected.", Arity = ArgumentArity.ZeroOrOne };
    readonly Option<string?> _prompt = new("--prompt", "-p") { HelpName = "TEXT|@FILE", Description = "The question, or @FILE to read it from a file." };
    readonly Option<string[]> _images = new("--image", "-i") { HelpName = "FILE", Description = "A picture; may be given several times." };
    readonly Option<string[]> _audio = new("--audio", "-a") { HelpName = "FILE", Description = "A sound; may be given several times." };
    readonly Option<string[]> _videos = new("--video")
    {
        HelpName = "FILE",
        Description = "A video: frames and its sound (needs ffmpeg); may be given several times.",
    };
    readonly Option<string?> _system = new("--system", "-s") { HelpName = "TEXT", Description = "What the model should know or be, before the conversation." };
    readonly Option<string?> _messages = new("--messages")
    {
        HelpName = "FILE",
        Description = "A conversation: a JSON list of {role, content}, paths relative to the file.",
    };
    readonly Option<bool> _raw = new("--raw") { Description = "Continue the prompt as it is, without the chat template." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_argument);
        foreach (Option option in (Option[])[_prompt, _images, _audio, _videos, _system, _messages, _raw])
        {
            command.Add(option);
        }
    }

    /// <summary>What was asked.</summary>
    /// <exception cref="CliException">Nothing was, or options contradict each other, or a file is refused.</exception>
    public PromptInput Read(ParseResult parse, CliConsole console)
    {
        string[] images = parse.GetValue(_images) ?? [], audio = parse.GetValue(_audio) ?? [], videos = parse.GetValue(_videos) ?? [];
        string? messagesFile = parse.GetValue(_messages);
        if (messagesFile is { Length: 0 })
        {
            throw CliException.Usage("--messages is empty; give the file of a conversation.");
        }

        foreach ((Option option, string[] files) in (ReadOnlySpan<(Option, string[])>)[(_images, images), (_audio, audio), (_videos, videos)])
        {
            if (files.Contains(""))
            {
                throw CliException.Usage($"{option.Name} is empty; give the path of a file, or leave it out.");
            }
        }

        string? system = parse.GetValue(_system);
        bool media = images.Length + audio.Length + videos.Length > 0;
        string? text = ReadText(parse, console, needed: messagesFile is null, isRaw: parse.GetValue(_raw));
        if (parse.GetValue(_raw))
        {
            return media || system is not null || messagesFile is not null
                ? throw CliException.Usage(
                    "--raw is given with --image, --audio, --video, --system or --messages, which need the chat template; leave out one of them.")
                : new PromptInput([], NotEmpty(text));
        }

        List<ChatMessage> messages = messagesFile is null ? [] : [.. ConversationFile.Read(messagesFile)];
        if (system is not null)
        {
            AddSystem(messages, system, messagesFile);
        }

        if (media || messagesFile is null || text is not null)
        {
            messages.Add(media ? Question(images, audio, videos, text) : ChatMessage.User(NotEmpty(text)));
        }

        return new PromptInput(messages, null);
    }

    static ChatMessage Question(string[] images, string[] audio, string[] videos, string? text)
    {
        List<ContentPart> parts =
        [
            .. images.Select(file => new ImagePart(null, file)),
            .. audio.Select(file => new AudioPart(null, file)),
            .. videos.Select(file => new VideoPart(null, null, file)),
        ];
        if (!string.IsNullOrWhiteSpace(text))
        {
            parts.Add(new TextPart(text));
        }

        return ChatMessage.User(parts);
    }

    static string NotEmpty(string? text) => string.IsNullOrWhiteSpace(text)
        ? throw CliException.Usage("The prompt is empty; give a question as an argument in quotes, with --prompt, or on standard input.")
        : text;

    static void AddSystem(List<ChatMessage> messages, string system, string? file)
    {
        if (messages is [{ Role: ChatMessage.SystemRole }, ..])
        {
            throw CliException.Usage($"--system is given and {file} begins with a system message; leave out one of them.");
        }

        messages.Insert(0, ChatMessage.System(system));
    }

    /// <summary>The question: what was given, behind what is piped in beside it.</summary>
    string? ReadText(ParseResult parse, CliConsole console, bool needed, bool isRaw)
    {
        string? argument = parse.GetValue(_argument);
        string? option = parse.GetValue(_prompt);
        if (argument is not null && option is not null)
        {
            throw CliException.Usage("The prompt is given twice, as an argument and with --prompt; leave out one of them.");
        }

        string? text = option is ['@', .. string file] ? InputFiles.ReadText(file) : argument ?? option;
        if (text == "-" || (text is null && needed && !console.InputIsTerminal))
        {
            return InputFiles.ReadAll(console.In);
        }

        string? piped = InputFiles.ReadBeside(console);
        return piped is null ? text
            : string.IsNullOrWhiteSpace(text) ? piped
            : isRaw ? throw CliException.Usage(
                "With --raw a prompt is given, and text on standard input as well; put both into one, or redirect the input from /dev/null.")
            : $"{piped.TrimEnd()}\n\n{text}";
    }
}
