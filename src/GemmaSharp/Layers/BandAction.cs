namespace GemmaSharp.Layers;

/// <summary>Computes some output pixels, which do not depend on each other.</summary>
/// <param name="state">What all bands share.</param>
/// <param name="band">The pixels.</param>
/// <param name="scratch">Memory of the running thread, all of it free again at the end.</param>
delegate void BandAction<TState>(TState state, PixelRange band, Scratch scratch);
