#!/usr/bin/env python3
"""Makes the small pictures of this folder and pictures.json: size and SHA-256 of the RGB pixels that Pillow decodes, upright.

Debian packages: python3-pil (Pillow 9.4), python3-numpy. Only lossless pictures, which have one right answer.
"""
import hashlib
import json
import os
import struct
import zlib

import numpy
from PIL import Image, ImageOps

os.chdir(os.path.dirname(os.path.abspath(__file__)))
random = numpy.random.default_rng(3)
y, x = numpy.mgrid[0:31, 0:43]
waves = numpy.stack([127 + 120 * numpy.sin(x / (7 + i) + y / (5 + 2 * i) + i) for i in range(4)], -1)
values = (waves + random.normal(0, 4, waves.shape)).clip(0, 255).astype("uint8")
values[:10, :, 3] = 0  # colours that nobody sees
rgba = Image.fromarray(values, "RGBA")
rgb = Image.fromarray(values[..., :3].copy())
few = rgb.quantize(13)

rgba.save("alpha-zero.png")
rgba.save("alpha-zero.webp", lossless=True, exact=True)
rgb.save("colour-key.png", transparency=tuple(int(v) for v in values[3, 3, :3]))
few.save("palette-transparent.png", transparency=3)
rgb.quantize(4).save("palette-2bit.png", bits=2)
rgb.convert("1").save("one-bit.bmp")
rgba.save("alpha.bmp")
few.save("transparent.gif", transparency=3)
few.save("interlaced.gif", interlace=1)
rgb.save("animated.webp", save_all=True, append_images=[rgb.transpose(0)], lossless=True)
few.save("animated.gif", save_all=True, append_images=[few.transpose(0)], duration=50)
orientation = Image.Exif()
orientation[0x112] = 6
rgb.save("exif-6.png", exif=orientation)
orientation[0x112] = 7
rgb.save("exif-7.webp", exif=orientation, lossless=True)

# A first frame smaller than the screen, with and without transparency.
for name, options in (("partial.gif", {}), ("partial-transparent.gif", {"transparency": 2})):
    few.save(name, interlace=0, **options)
    data = bytearray(open(name, "rb").read())
    data[6:10] = struct.pack("<HH", 60, 50)
    descriptor = data.index(b"\x2c", 13 + 3 * (2 << (data[10] & 7)))
    data[descriptor + 1 : descriptor + 5] = struct.pack("<HH", 5, 7)
    open(name, "wb").write(data)


def png16(name, colour, samples):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    with open(name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


png16("rgb-16bit.png", 2, random.integers(0, 65536, (20, 31, 3)).astype(">u2"))
png16("rgba-16bit.png", 6, random.integers(0, 65536, (20, 31, 4)).astype(">u2"))

expected = {}
for name in sorted(os.listdir(".")):
    if name.rsplit(".")[-1] in ("png", "webp", "gif", "bmp"):
        image = ImageOps.exif_transpose(Image.open(name)).convert("RGB")
        expected[name] = {"width": image.width, "height": image.height, "sha256": hashlib.sha256(image.tobytes()).hexdigest()}
with open("pictures.json", "w", newline="\n") as file:
    json.dump(expected, file, indent=2)
    file.write("\n")
