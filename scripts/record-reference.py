#!/usr/bin/env python3
"""Records what the reference implementation computes with a checkpoint, for `gemma certify`.

    python3 scripts/record-reference.py MODEL --output DIR [--image FILE …] [--audio FILE …] [--messages FILE …]

MODEL is a folder or ORG/NAME. Two texts are always recorded, and one conversation for every picture, sound and conversation given. Sounds are WAV files of
16 kHz, one channel. Needs: pip install torch transformers timm safetensors pillow numpy (and about 25 GB of memory for E2B in float32).

DIR gets, for every case, NAME.json (the conversation), its pictures and sounds, and NAME.safetensors: what every module returned in one forward pass over the
whole prompt, float32, by module path. Large tensors are sampled: flat[::stride] with a stride that is coprime to every axis, and the file's metadata maps the
name to "d0,d1,…/stride". DIR/reference.json says what there is: versions, checksums of the checkpoint's files, prompts, greedy tokens and how far the second
most probable token was behind each.
"""
import argparse
import hashlib
import json
import math
import pathlib
import platform
import re
import shutil
import struct
import sys

GREEDY = 24
FORMAT = "gemma-reference-1"

MODULES = [re.compile(pattern + "$") for pattern in (
    r"language_model\.(embed_tokens|embed_tokens_per_layer|per_layer_model_projection|per_layer_projection_norm|norm)",
    r"language_model\.altup_(unembed_)?projections\.\d+",
    r"language_model\.layers\.\d+(\.(self_attn|mlp|laurel))?",
    r"vision_tower\.timm_model\.(conv_stem|msfa|blocks\.\d+\.\d+)",
    r"audio_tower\.subsample_conv_projection(\.conv_[01]\.norm)?",
    r"audio_tower\.conformer\.\d+(\.(ffw_layer_start|attention|lconv1d|ffw_layer_end|norm))?",
    r"embed_vision",
    r"embed_audio",
)]

TEXTS = {
    "text-short": "What is the capital of Peru?",
    "text-long": "Read this and then say in one sentence what it is about.\n\n" + "\n".join(
        f"{n}. A lamp that stands {n} steps from the door throws a shadow as long as {n * n} leaves laid side by side; at {n % 12 + 1} o'clock it is the "
        f"{'shorter' if n % 2 else 'longer'} one, and nobody has counted the leaves twice." for n in range(1, 25)),
}


def stride_for(shape, most):
    """The smallest step that leaves at most `most` elements and is coprime to every axis, so that every channel occurs."""
    size = math.prod(shape)
    stride = max(1, -(-size // most))
    while stride > 1 and any(math.gcd(stride, axis) > 1 for axis in shape):
        stride += 1
    return stride


def sampled(shape, flat, most):
    """A flat tensor as it is kept, and what the metadata says of it; None where it is whole."""
    stride = stride_for(shape, most)
    return (flat, None) if stride == 1 else (flat[::stride], f"{','.join(map(str, shape))}/{stride}")


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()


def checkpoint_files(folder):
    """The files that the model is read from, with their checksums."""
    names = sorted(p.name for p in pathlib.Path(folder).iterdir() if p.suffix == ".safetensors" or p.name in ("config.json", "tokenizer.json"))
    return [{"name": name, "size": (pathlib.Path(folder) / name).stat().st_size, "sha256": sha256(pathlib.Path(folder) / name)} for name in names]


def read_wav(path):
    """Samples of a WAV file of 16 kHz and one channel: 16-bit integers or float32, as floats."""
    data = pathlib.Path(path).read_bytes()
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        sys.exit(f"{path} is no WAV file; convert it to 16 kHz, one channel.")
    at, form, samples = 12, None, None
    while at + 8 <= len(data):
        name, size = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        body = data[at + 8:at + 8 + size]
        if name == b"fmt ":
            form = struct.unpack("<HHIIHH", body[:16])
        elif name == b"data":
            samples = body
        at += 8 + size + size % 2
    if form is None or samples is None or form[1] != 1 or form[2] != 16000 or (form[0], form[5]) not in ((1, 16), (3, 32)):
        sys.exit(f"{path} is not 16 kHz, one channel, 16-bit or float32; convert it.")
    if form[0] == 3:
        return list(struct.unpack(f"<{len(samples) // 4}f", samples))
    return [value / 32768.0 for value in struct.unpack(f"<{len(samples) // 2}h", samples)]


def write_wav(path, samples):
    """Float32 samples of 16 kHz: exactly what the model hears."""
    body = struct.pack(f"<{len(samples)}f", *samples)
    form = struct.pack("<HHIIHH", 3, 1, 16000, 64000, 4, 32)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    pathlib.Path(path).write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)


def conversations(arguments, output):
    """Every case: its name, the messages as they are kept, and their media by file name."""
    for name, text in TEXTS.items():
        yield name, [{"role": "user", "content": text}], {}
    for kind, files, question in (("image", arguments.image, "Describe this image."), ("audio", arguments.audio, "Transcribe this audio.")):
        for number, file in enumerate(files):
            name = f"{kind}-{number}" + (pathlib.Path(file).suffix if kind == "image" else ".wav")
            yield f"{kind}-{number}", [{"role": "user", "content": [{"type": kind, kind: name}, {"type": "text", "text": question}]}], {name: file}
    for number, file in enumerate(arguments.messages):
        messages, media = json.loads(pathlib.Path(file).read_text("utf-8")), {}
        for message in messages:
            for part in message["content"] if isinstance(message["content"], list) else []:
                if part["type"] in ("image", "audio"):
                    source = pathlib.Path(file).parent / part[part["type"]]
                    part[part["type"]] = f"messages-{number}-{len(media)}{source.suffix if part['type'] == 'image' else '.wav'}"
                    media[part[part["type"]]] = source
        yield f"messages-{number}", messages, media


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--image", action="append", default=[])
    parser.add_argument("--audio", action="append", default=[])
    parser.add_argument("--messages", action="append", default=[])
    parser.add_argument("--most", type=int, default=200_000, help="values kept of a tensor (default: 200000)")
    arguments = parser.parse_args()

    import numpy
    import PIL.Image
    import safetensors.torch
    import timm
    import torch
    import transformers

    folder = arguments.model
    if not pathlib.Path(folder).is_dir():
        import huggingface_hub
        folder = huggingface_hub.snapshot_download(arguments.model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]

    record, calls = {}, {}

    def keep(name, value):
        value = value[0] if isinstance(value, (tuple, list)) else value
        value = getattr(value, "last_hidden_state", value)
        if isinstance(value, torch.Tensor):
            call = calls[name] = calls.get(name, -1) + 1
            record[name if call == 0 else f"{name}#{call}"] = value.detach()

    for name, module in model.model.named_modules():
        if any(pattern.match(name) for pattern in MODULES):
            module.register_forward_hook(lambda module, inputs, output, name=name: keep(name, output))
    model.lm_head.register_forward_hook(lambda module, inputs, output: keep("lm_head", output))

    cases = []
    for name, messages, media in conversations(arguments, arguments.output):
        print(f"{name} …", flush=True)
        loaded = {}
        for file, source in media.items():
            target = arguments.output / file
            if file.endswith(".wav"):
                write_wav(target, read_wav(source))
                loaded[file] = numpy.array(read_wav(target), dtype=numpy.float32)
            else:
                shutil.copyfile(source, target)
                loaded[file] = PIL.Image.open(target)
        given = [{"role": m["role"], "content": [{"type": "text", "text": m["content"]}] if isinstance(m["content"], str) else [
            {**part, part["type"]: loaded[part[part["type"]]]} if part["type"] in ("image", "audio") else part for part in m["content"]]} for m in messages]
        inputs = processor.apply_chat_template(given, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")
        record.clear()
        calls.clear()
        with torch.no_grad():
            output = model(**inputs, use_cache=False)
            tensors = {f"input.{key}": inputs[key] for key in ("input_ids", "pixel_values", "input_features") if key in inputs}
            tensors |= record
            tensors["logits"] = output.logits
            tensors["last_logits"] = output.logits[:, -1]
            answer = model.generate(**inputs, do_sample=False, max_new_tokens=GREEDY, min_new_tokens=GREEDY, suppress_tokens=ends,
                                    return_dict_in_generate=True, output_scores=True)
        kept, metadata = {}, {"format": "pt"}
        for key, tensor in tensors.items():
            integer = not tensor.is_floating_point()
            flat = tensor.to(torch.int32 if integer else torch.float32).contiguous()
            values, note = sampled(list(flat.shape), flat.flatten(), len(flat.flatten()) if integer else arguments.most)
            kept[key] = flat if note is None else values.clone()
            if note is not None:
                metadata[key] = note
        safetensors.torch.save_file(kept, arguments.output / f"{name}.safetensors", metadata=metadata)
        (arguments.output / f"{name}.json").write_text(json.dumps(messages, ensure_ascii=False, indent=1), "utf-8")
        gaps = []
        for scores in answer.scores:
            finite = scores[0][torch.isfinite(scores[0])]
            best = torch.topk(finite, 2).values
            gaps.append(float((best[0] - best[1]) / finite.abs().max()))
        prompt = inputs["input_ids"][0].tolist()
        cases.append({"name": name, "messages": f"{name}.json", "trace": f"{name}.safetensors",
                      "trace_sha256": sha256(arguments.output / f"{name}.safetensors"), "token_ids": prompt,
                      "greedy": answer.sequences[0, len(prompt):].tolist(), "greedy_gaps": gaps})

    reference = {
        "format": FORMAT,
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__, "timm": timm.__version__,
                     "python": platform.python_version(), "dtype": "float32", "attention": "eager"},
        "checkpoint": checkpoint_files(folder),
        "cases": cases,
    }
    (arguments.output / "reference.json").write_text(json.dumps(reference, indent=1), "utf-8")
    print(f"{len(cases)} cases are in {arguments.output}; compare with: gemma certify --model {arguments.model} --reference {arguments.output}")


if __name__ == "__main__":
    main()
