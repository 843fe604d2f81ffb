namespace GemmaSharp.Media;

/// <summary>The frames of an animation, each with everything that was drawn before it.</summary>
internal interface IAnimationFrames : IDisposable
{
    /// <summary>How many seconds each frame is shown, as the file says.</summary>
    IReadOnlyList<double> Delays { get; }

    /// <summary>What a person should know of the file.</summary>
    IReadOnlyList<string> Notices { get; }

    /// <summary>A frame. Cheap where they are asked for in order.</summary>
    /// <exception cref="MediaException">The file is damaged there.</exception>
    RgbImage Frame(int index);
}
