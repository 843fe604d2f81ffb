namespace GemmaSharp.Media;

/// <summary>How long one file may keep a decoder busy, from now on.</summary>
internal sealed class Patience(string name, MediaOptions options)
{
    readonly long _began = Environment.TickCount64;

    /// <summary>Ends the work where it took too long.</summary>
    /// <exception cref="MediaException">It did.</exception>
    public void Check()
    {
        if (Environment.TickCount64 - _began > options.FfmpegTimeout.TotalMilliseconds)
        {
            throw new MediaException(FormattableString.Invariant(
                $"{name} took more than {options.FfmpegTimeout.TotalSeconds:0.#} seconds to decode; use a shorter file or raise FfmpegTimeout."));
        }
    }
}
