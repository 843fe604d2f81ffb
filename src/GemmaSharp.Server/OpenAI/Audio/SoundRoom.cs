using GemmaSharp.Media;
using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI.Audio;

/// <summary>How much decoded sound there may be at once: an hour of it is 230 MB, and a file of silence is small. Thread-safe.</summary>
/// <param name="longest">The longest sound that is taken.</param>
sealed class SoundRoom(TimeSpan longest) : IDisposable
{
    /// <summary>How many of the longest sounds there is room for.</summary>
    const int MostOfTheLongest = 4;

    readonly SemaphoreSlim _decoding = new(2);
    long _ticks;

    /// <summary>Decodes a sound when it is its turn, and makes room for it.</summary>
    /// <returns>The sound, which is in the room until it is disposed of.</returns>
    /// <exception cref="ApiException">There is no room for it now.</exception>
    public async Task<Place> DecodeAsync(Func<AudioContent> decode, CancellationToken cancellationToken)
    {
        await _decoding.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            AudioContent sound = await Task.Run(decode, cancellationToken).ConfigureAwait(false);
            var place = new Place(this, sound);
            if (place.Enter() <= longest.Ticks * MostOfTheLongest)
            {
                return place;
            }

            place.Dispose();
        }
        finally
        {
            _decoding.Release();
        }

        throw new ApiException(
            StatusCodes.Status429TooManyRequests, "rate_limit_exceeded", "Too much sound is being written down; try again when some of it is done.", "file",
            "rate_limit_exceeded", TimeSpan.FromSeconds(10));
    }

    public void Dispose() => _decoding.Dispose();

    /// <summary>A sound in the room.</summary>
    public sealed class Place(SoundRoom room, AudioContent sound) : IDisposable
    {
        readonly long _length = sound.Duration.Ticks;
        bool _isIn;

        public AudioContent Sound => sound;

        /// <summary>Takes the room that the sound needs; gives how much is taken by all.</summary>
        public long Enter()
        {
            _isIn = true;
            return Interlocked.Add(ref room._ticks, _length);
        }

        public void Dispose()
        {
            if (_isIn)
            {
                _isIn = false;
                Interlocked.Add(ref room._ticks, -_length);
            }
        }
    }
}
