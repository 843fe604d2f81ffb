using System.Text.Json;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Bench;

/// <summary>Shows a result as a table, or as one JSON object.</summary>
static class BenchReport
{
    public static void Print(CliConsole console, BenchResult result)
    {
        Machine machine = result.Machine;
        console.Out.WriteLine($"{result.Model} ({result.Format}); {machine.InstructionSet}, {machine.Threads} {(machine.Threads == 1 ? "thread" : "threads")}");
        console.Out.WriteLine(Show.Text(
            $"{machine.Processor} reads {machine.ReadBandwidth / 1e9:0.0} GB/s and computes {machine.FloatPeak / 1e9:0} Gop/s in float32")
            + Show.Text($", {machine.IntegerPeak / 1e9:0} Gop/s in 8-bit integers."));
        string peak = result.Peak == machine.FloatPeak ? "float" : "integer";
        Table table = new Table().Border(TableBorder.Simple).AddColumns("what", "time", "±", "speed", "of this machine");
        if (result.Prefill is PrefillResult prefill)
        {
            double rate = prefill.Operations / prefill.Time.Median;
            Row(Show.Text($"prompt of {prefill.Tokens}"), prefill.Time, Show.Text($"{prefill.Tokens / prefill.Time.Median:0.0} tokens/s"),
                Show.Text($"{rate / result.Peak:0 %} of {peak} peak ({rate / 1e9:0} Gop/s)"));
        }

        if (result.Decode is DecodeResult decode)
        {
            double rate = decode.BytesPerToken * decode.Tokens / decode.Time.Median;
            Row(decode.Name, decode.Time, Show.Text($"{decode.Tokens / decode.Time.Median:0.00} tokens/s"),
                Show.Text($"{rate / machine.ReadBandwidth:0 %} of bandwidth ({rate / 1e9:0.0} GB/s, {Show.Bytes(decode.BytesPerToken)} each)"));
        }

        foreach ((string name, EncodeResult? encode) in (ReadOnlySpan<(string, EncodeResult?)>)[("picture", result.Image), ("sound", result.Audio)])
        {
            if (encode is not null)
            {
                double rate = encode.Operations / encode.Time.Median;
                Row($"{name} of {encode.Input}", encode.Time, Show.Text($"{1 / encode.Time.Median:0.00} a second"),
                    Show.Text($"{rate / machine.FloatPeak:0 %} of float peak ({rate / 1e9:0} Gop/s)"));
            }
        }

        foreach (ConversationsResult talk in result.Conversations)
        {
            double rate = talk.Count * talk.Tokens / talk.Time.Median;
            Row(Show.Text($"{talk.Count} at once, {talk.Tokens} tokens each"), talk.Time, Show.Text($"{rate:0.00} tokens/s in all"),
                Show.Text($"{rate / talk.Count:0.00} tokens/s each"));
        }

        if (result.Prefix is PrefixResult prefix)
        {
            Row(Show.Text($"first token of {prefix.Tokens}, cold"), prefix.Cold, Show.Text($"{prefix.Tokens / prefix.Cold.Median:0.0} tokens/s"), "");
            Row(Show.Text($"first token of {prefix.Tokens}, known"), prefix.Hit, Show.Text($"{prefix.Tokens / prefix.Hit.Median:0.0} tokens/s"),
                Show.Text($"{prefix.Cold.Median / prefix.Hit.Median:0.0} times as fast as cold"));
        }

        if (result.Constrained is ConstrainedResult form)
        {
            Row(Show.Text($"JSON of {form.Tokens} tokens, free"), form.Free, Show.Text($"{form.Tokens / form.Free.Median:0.00} tokens/s"), "");
            Row(Show.Text($"JSON of {form.Tokens} tokens, masked"), form.Masked, Show.Text($"{form.Tokens / form.Masked.Median:0.00} tokens/s"), "");
            Row(Show.Text($"JSON of {form.Tokens} tokens, {form.Forced} not drawn"), form.Skipped,
                Show.Text($"{form.Tokens / form.Skipped.Median:0.00} tokens/s"),
                Show.Text($"{form.Free.Median / form.Skipped.Median:0.0} times as fast as free"));
        }

        foreach (SpeculationResult text in result.Speculation)
        {
            Row(Show.Text($"{text.Name} of {text.Tokens}, one by one"), text.Plain, Show.Text($"{text.Tokens / text.Plain.Median:0.00} tokens/s"), "");
            Row(Show.Text($"{text.Name} of {text.Tokens}, {text.Accepted} of {text.Drafted} guesses right"), text.Guessed,
                Show.Text($"{text.Tokens / text.Guessed.Median:0.00} tokens/s"), Show.Text($"{text.Plain.Median / text.Guessed.Median:0.00} times as fast"));
        }

        console.Styled.Write(table);
        string first = result.Prefill is null ? "" : $"time to first token {Show.Time(TimeSpan.FromSeconds(result.Prefill.Time.Median))}, ";
        console.Out.WriteLine($"Load time {Show.Time(TimeSpan.FromSeconds(result.LoadSeconds))}, {first}peak memory {Show.Bytes(result.PeakMemory)}.");
        foreach (ProfileResult profile in result.Profiles)
        {
            ProfileReport.Print(console, profile, result);
        }

        void Row(string what, Measurement time, string speed, string share) => table.AddRow(
            Markup.Escape(what), Show.Time(TimeSpan.FromSeconds(time.Median)), Show.Text($"{time.Spread:0 %}"), Markup.Escape(speed), Markup.Escape(share));
    }

    public static void Write(Utf8JsonWriter json, BenchResult result)
    {
        Machine machine = result.Machine;
        json.WriteStartObject();
        json.WriteString("program", result.Origin.Program);
        json.WriteString("runtime", result.Origin.Runtime);
        json.WriteString("system", result.Origin.System);
        json.WriteString("arguments", result.Origin.Arguments);
        if (result.Origin.MeasuredAt is DateTimeOffset then)
        {
            json.WriteString("measured_at", then);
        }

        json.WriteString("model", result.Model);
        json.WriteString("format", result.Format);
        json.WriteStartObject("machine");
        json.WriteString("processor", machine.Processor);
        json.WriteString("instruction_set", machine.InstructionSet);
        json.WriteNumber("threads", machine.Threads);
        json.WriteMeasured("read_bytes_per_second", machine.ReadBandwidth);
        json.WriteMeasured("float_operations_per_second", machine.FloatPeak);
        json.WriteMeasured("integer_operations_per_second", machine.IntegerPeak);
        json.WriteEndObject();
        json.WriteMeasured("load_seconds", result.LoadSeconds);
        if (result.Prefill is PrefillResult prefill)
        {
            json.WriteMeasured("time_to_first_token_seconds", prefill.Time.Median);
            Begin("prefill", prefill.Time);
            json.WriteNumber("tokens", prefill.Tokens);
            json.WriteMeasured("tokens_per_second", prefill.Tokens / prefill.Time.Median);
            json.WriteMeasured("of_float_peak", prefill.Operations / prefill.Time.Median / machine.FloatPeak);
            json.WriteMeasured("operations", prefill.Operations);
            json.WriteMeasured("bytes", prefill.Bytes);
            json.WriteEndObject();
        }

        if (result.Decode is DecodeResult decode)
        {
            Begin("decode", decode.Time);
            json.WriteNumber("tokens", decode.Tokens);
            json.WriteNumber("context", decode.Context);
            json.WriteMeasured("tokens_per_second", decode.Tokens / decode.Time.Median);
            json.WriteNumber("bytes_per_token", decode.BytesPerToken);
            json.WriteMeasured("operations_per_token", decode.OperationsPerToken);
            json.WriteMeasured("of_read_bandwidth", decode.BytesPerToken * decode.Tokens / decode.Time.Median / machine.ReadBandwidth);
            json.WriteEndObject();
        }

        foreach ((string name, EncodeResult? encode) in (ReadOnlySpan<(string, EncodeResult?)>)[("image", result.Image), ("audio", result.Audio)])
        {
            if (encode is not null)
            {
                Begin(name, encode.Time);
                json.WriteString("input", encode.Input);
                json.WriteMeasured("of_float_peak", encode.Operations / encode.Time.Median / machine.FloatPeak);
                json.WriteMeasured("operations", encode.Operations);
                json.WriteEndObject();
            }
        }

        if (result.Conversations.Count > 0)
        {
            json.WriteStartArray("conversations");
            foreach (ConversationsResult talk in result.Conversations)
            {
                Begin(null, talk.Time);
                json.WriteNumber("count", talk.Count);
                json.WriteNumber("tokens", talk.Tokens);
                json.WriteMeasured("tokens_per_second", talk.Count * talk.Tokens / talk.Time.Median);
                json.WriteMeasured("operations", talk.Operations);
                json.WriteMeasured("bytes", talk.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        if (result.Prefix is PrefixResult prefix)
        {
            json.WriteStartObject("prefix");
            json.WriteNumber("tokens", prefix.Tokens);
            Begin("cold", prefix.Cold);
            json.WriteEndObject();
            Begin("hit", prefix.Hit);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        if (result.Constrained is ConstrainedResult form)
        {
            json.WriteStartObject("constrained");
            json.WriteNumber("tokens", form.Tokens);
            json.WriteNumber("forced", form.Forced);
            foreach ((string name, Measurement time) in ((string, Measurement)[])[("free", form.Free), ("masked", form.Masked), ("skipped", form.Skipped)])
            {
                Begin(name, time);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        if (result.Profiles.Count > 0)
        {
            json.WriteStartArray("profile");
            foreach (ProfileResult profile in result.Profiles)
            {
                ProfileReport.Write(json, profile);
            }

            json.WriteEndArray();
        }

        if (result.Speculation.Count > 0)
        {
            json.WriteStartArray("speculation");
            foreach (SpeculationResult text in result.Speculation)
            {
                json.WriteStartObject();
                json.WriteString("text", text.Name);
                json.WriteNumber("tokens", text.Tokens);
                json.WriteNumber("drafted", text.Drafted);
                json.WriteNumber("accepted", text.Accepted);
                Begin("plain", text.Plain);
                json.WriteEndObject();
                Begin("guessed", text.Guessed);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteNumber("peak_memory_bytes", result.PeakMemory);
        json.WriteEndObject();

        void Begin(string? name, Measurement time)
        {
            if (name is not null)
            {
                json.WritePropertyName(name);
            }

            json.WriteStartObject();
            json.WriteMeasured("seconds", time.Median);
            json.WriteStartArray("runs");
            foreach (double seconds in time.Seconds)
            {
                json.WriteNumberValue(Math.Round(seconds, 6));
            }

            json.WriteEndArray();
        }
    }
}
