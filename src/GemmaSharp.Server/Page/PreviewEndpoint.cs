using System.Text.Json;
using System.Text.Json.Serialization;
using GemmaSharp.Media;
using GemmaSharp.Prompting.Sound;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Page;

/// <summary><c>POST /preview</c>: a picture as it is resized, and a sound as its spectrogram, for who wants to see what the model sees.</summary>
sealed class PreviewEndpoint(ModelCatalog catalog, MediaDoor media, GemmaServerOptions options)
{
    public async Task AnswerAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        GemmaModel model = catalog.Select(body.Name("model")).Model;
        List<ContentPart> parts = await new ContentReader(media, model, context.RequestAborted).PartsAsync(Content(body), "content").ConfigureAwait(false);
        using var reply = new JsonReply(context, options, Dialect.OpenAI);
        switch (parts[0])
        {
            case ImagePart { Image: not null } picture when model.Summary.HasVision:
                await reply.EndAsync(await Task.Run(() => Of(model, picture)).ConfigureAwait(false), PreviewJson.Default.PicturePreview).ConfigureAwait(false);
                break;
            case AudioPart { Clip: AudioClip clip } when model.Summary.HasAudio:
                await EndAsync(reply, model, [clip]).ConfigureAwait(false);
                break;
            case LongAudioPart sound when model.Summary.HasAudio:
                await EndAsync(reply, model, sound.Clips).ConfigureAwait(false);
                break;
            default:
                throw ApiException.Unsupported(null, "There is nothing to be seen of this: send a picture or a sound, to a model that sees or hears.");
        }
    }

    static async Task EndAsync(JsonReply reply, GemmaModel model, IReadOnlyList<AudioClip> clips) =>
        await reply.EndAsync(await Task.Run(() => Of(model, clips)).ConfigureAwait(false), PreviewJson.Default.SoundPreview).ConfigureAwait(false);

    static PicturePreview Of(GemmaModel model, ImagePart picture)
    {
        RgbImage seen = model.Encoder.Seen(picture);
        return new PicturePreview(
            "image", seen.Width, seen.Height, model.Config.VisionSoftTokensPerImage,
            "data:image/png;base64," + Convert.ToBase64String(ImageWriter.ToPng(seen)));
    }

    static SoundPreview Of(GemmaModel model, IReadOnlyList<AudioClip> clips)
    {
        var previews = new List<ClipPreview>();
        TimeSpan start = TimeSpan.Zero;
        foreach (AudioClip clip in clips)
        {
            MelFeatures mel = model.Encoder.Heard(clip);
            previews.Add(new ClipPreview(
                start.TotalSeconds, clip.Duration.TotalSeconds, model.Config.AudioSoftTokensPerImage, mel.Frames, mel.Bands, Levels(mel.Values)));
            start += clip.Duration;
        }

        return new SoundPreview("audio", start.TotalSeconds, previews);
    }

    /// <summary>Values from the least to the greatest as bytes.</summary>
    static byte[] Levels(float[] values)
    {
        float least = values.Min(), range = Math.Max(values.Max() - least, 1e-6f);
        return Array.ConvertAll(values, value => (byte)Math.Round(255 * (value - least) / range));
    }

    /// <summary>The request as the part of a message that it would be.</summary>
    static JsonElement Content(Fields body)
    {
        string type = body.Has("image_url") ? "image_url" : body.Has("input_audio") ? "input_audio"
            : throw ApiException.Missing("image_url", "a picture, or a sound in input_audio");
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, WireJson.WriterOptions))
        {
            json.WriteStartArray();
            json.WriteStartObject();
            json.WriteString("type", type);
            foreach (string name in (string[])[type, "detail"])
            {
                if (body.TryGet(name, out JsonElement value))
                {
                    json.WritePropertyName(name);
                    value.WriteTo(json);
                }
            }

            json.WriteEndObject();
            json.WriteEndArray();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.GetBuffer().AsMemory(0, (int)buffer.Length));
        return document.RootElement.Clone();
    }
}

/// <summary>A picture as the model gets it.</summary>
sealed record PicturePreview(string Type, int Width, int Height, int Tokens, string Image);

/// <summary>A sound as the model gets it.</summary>
sealed record SoundPreview(string Type, double Seconds, IReadOnlyList<ClipPreview> Clips);

/// <summary>One clip of a sound: <c>[frames, bins]</c> of levels from 0 to 255.</summary>
sealed record ClipPreview(double Start, double Seconds, int Tokens, int Frames, int Bins, byte[] Mel);

/// <summary>How these are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PicturePreview))]
[JsonSerializable(typeof(SoundPreview))]
sealed partial class PreviewJson : JsonSerializerContext;
