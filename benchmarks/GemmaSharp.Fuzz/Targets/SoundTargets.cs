using System.Buffers.Binary;
using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Media;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Readers of sound.</summary>
static class SoundTargets
{
    public static IEnumerable<FuzzTarget> All =>
    [
        Sound("wav", [new ChunkMutator(12, 4, 4, true, false, 2), new ByteMutator("fmt "u8.ToArray(), "data"u8.ToArray(), "RIFF"u8.ToArray(), "RF64"u8.ToArray(), "ds64"u8.ToArray(), "LIST"u8.ToArray())], () => SeedFiles.Fixtures(".wav")),
        Sound("aiff", [new ChunkMutator(12, 4, 4, false, false, 2), new ByteMutator("COMM"u8.ToArray(), "SSND"u8.ToArray(), "AIFC"u8.ToArray(), "sowt"u8.ToArray(), "fl32"u8.ToArray(), "ulaw"u8.ToArray())], () => SeedFiles.Fixtures(".aiff", ".aifc")),
        Sound("au", [new ByteMutator(".snd"u8.ToArray(), [0, 0, 0, 1], [0, 0, 0, 27])], () => [Au(3, 2), Au(1, 1), Au(6, 4)]),
        Sound("caf", [new ChunkMutator(8, 4, 8, false, false, 1), new ByteMutator("desc"u8.ToArray(), "data"u8.ToArray(), "lpcm"u8.ToArray(), "pakt"u8.ToArray())], () => [Caf()]),
        Sound("w64", [new ChunkMutator(40, 16, 8, true, true, 8), new ByteMutator("fmt "u8.ToArray(), "data"u8.ToArray())], () => [Wave64()]),
        Sound("mp3", [new ByteMutator([0xFF, 0xFB, 0x90], [0xFF, 0xF3], "ID3"u8.ToArray(), "Xing"u8.ToArray(), "LAME"u8.ToArray(), "VBRI"u8.ToArray(), "TAG"u8.ToArray())], () => SeedFiles.Fixtures(".mp3")),
        Sound("flac", [new FlacMutator(), new FlacMutator(), new ByteMutator("fLaC"u8.ToArray(), [0xFF, 0xF8])], () => SeedFiles.Fixtures(".flac")),
        Sound("opus", [new OggMutator(), new OggMutator(), new ByteMutator("OggS"u8.ToArray(), "OpusHead"u8.ToArray(), "OpusTags"u8.ToArray())], () => SeedFiles.Fixtures("o.opus")),
        Sound("vorbis", [new OggMutator(), new OggMutator(), new ByteMutator("OggS"u8.ToArray(), "\u0001vorbis"u8.ToArray(), "\u0003vorbis"u8.ToArray(), "\u0005vorbis"u8.ToArray())], () => SeedFiles.Fixtures("o.ogg")),
        new()
        {
            Name = "adts",
            IsRefused = true,
            Seeds = () => [Adts(), .. SeedFiles.Corpus("adts")],
            Mutators = [new ByteMutator([0xFF, 0xF1], [0xFF, 0xF9], "ADIF"u8.ToArray(), "ID3"u8.ToArray())],
            Open = () => new InputReader(input =>
            {
                int at = AdtsStream.Find(input);
                CheckpointTargets.Promise(at >= -1 && at <= input.Length, "frames begin outside the file");
                CheckpointTargets.Promise(at < 0 || AdtsStream.WholeBytes(input.AsSpan(at)) is int whole && whole >= 0 && whole <= input.Length - at, "frames end outside the file");
                Hear(input);
            }),
        },
    ];

    static FuzzTarget Sound(string name, IReadOnlyList<IMutator> mutators, Func<IEnumerable<byte[]>> seeds) => new()
    {
        Name = name,
        Seeds = () => [.. seeds().Where(seed => seed.Length <= 1 << 14), .. SeedFiles.Corpus(name)],
        Mutators = mutators,
        MostBytes = 1 << 14,
        TestInputs = 100,
        Open = () => new InputReader(Hear),
    };

    static void Hear(byte[] input)
    {
        AudioContent content = AudioReader.Read(input, "sound", PictureTargets.Limits);
        foreach (AudioClip clip in content.Clips)
        {
            CheckpointTargets.Promise(clip.SampleRate > 0, "a clip has no rate");
            foreach (float sample in clip.Samples)
            {
                CheckpointTargets.Promise(float.IsFinite(sample), "a sample is no number");
            }
        }

        CheckpointTargets.Promise(content.Duration <= PictureTargets.Limits.MaxAudio + TimeSpan.FromSeconds(1), "a sound is longer than allowed");
        foreach (string notice in content.Notices)
        {
            CheckpointTargets.Promise(Judge.Fault(notice) is null, "a notice is not fit to be shown");
        }
    }

    static byte[] Au(int encoding, int bytes)
    {
        byte[] file = new byte[28 + (800 * bytes)];
        ".snd"u8.CopyTo(file);
        int[] fields = [28, 800 * bytes, encoding, 8000, 1];
        for (int i = 0; i < fields.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + (4 * i)), fields[i]);
        }

        return Filled(file, 28);
    }

    static byte[] Caf()
    {
        byte[] file = new byte[8 + 12 + 32 + 12 + 4 + 1600];
        "caff\0\u0001\0\0desc"u8.CopyTo(file);
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(12), 32);
        BinaryPrimitives.WriteDoubleBigEndian(file.AsSpan(20), 8000);
        "lpcm"u8.CopyTo(file.AsSpan(28));
        int[] fields = [2, 2, 1, 1, 16];
        for (int i = 0; i < fields.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(32 + (4 * i)), fields[i]);
        }

        "data"u8.CopyTo(file.AsSpan(52));
        BinaryPrimitives.WriteInt64BigEndian(file.AsSpan(56), 1604);
        return Filled(file, 68);
    }

    static byte[] Wave64()
    {
        byte[] tail = [0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0x00, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A];
        byte[] file = new byte[40 + 40 + 24 + 1600];
        ((byte[])[.. "riff"u8, 0x2E, 0x91, 0xCF, 0x11, 0xA5, 0xD6, 0x28, 0xDB, 0x04, 0xC1, 0x00, 0x00]).CopyTo(file, 0);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(16), file.Length);
        ((byte[])[.. "wave"u8, .. tail]).CopyTo(file, 24);
        ((byte[])[.. "fmt "u8, .. tail]).CopyTo(file, 40);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(56), 40);
        short[] format = [1, 1, 8000, 0, 16000, 0, 2, 16];
        for (int i = 0; i < format.Length; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(64 + (2 * i)), format[i]);
        }

        ((byte[])[.. "data"u8, .. tail]).CopyTo(file, 80);
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(96), 1624);
        return Filled(file, 104);
    }

    // Frames of silence are no sound a decoder takes, but their heads are right: AAC-LC, 16 kHz, mono.
    static byte[] Adts()
    {
        byte[] frame = [0xFF, 0xF1, 0x60, 0x40, 0x04, 0x1F, 0xFC, .. new byte[25]];
        return [.. frame, .. frame, .. frame, .. frame];
    }

    static byte[] Filled(byte[] file, int from)
    {
        for (int i = from; i < file.Length; i++)
        {
            file[i] = (byte)(i * 37);
        }

        return file;
    }
}
