#!/usr/bin/env bash
# Makes the sound and video fixtures of this folder anew. Debian packages: ffmpeg, lame, flac, opus-tools, vorbis-tools, sox.
# Every sound is half a second, or a tenth, or four, of the same formula, which the tests evaluate themselves:
#   left  L(t) = 0.25 sin(2π 440 t) + 0.2 sin(2π 1234.5 t + 0.7) + 0.1 sin(2π 2750 t + 1.9)
#   right R(t) = 0.2 sin(2π 300 t + 0.3) + 0.25 sin(2π 987.6 t + 1.1)
# "mono" files hold L, "stereo" files both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
left='0.25*sin(2*PI*440*t)+0.2*sin(2*PI*1234.5*t+0.7)+0.1*sin(2*PI*2750*t+1.9)'
right='0.2*sin(2*PI*300*t+0.3)+0.25*sin(2*PI*987.6*t+1.1)'
make() { # NAME RATE EXPRESSIONS CODEC [SECONDS]
    ffmpeg -loglevel error -y -f lavfi -i "aevalsrc=$3:s=$2:d=${5:-0.5}" -c:a "$4" -bitexact "$scratch/$1.wav"
}
make mono16 16000 "$left" pcm_s16le
make four 16000 "$left" pcm_s16le 4
make mono24 16000 "$left" pcm_s24le
make stereo44 44100 "$left|$right" pcm_s16le
make stereo48 48000 "$left|$right" pcm_s16le
make short48 48000 "$left|$right" pcm_s16le
sox "$scratch/short48.wav" "$scratch/short.wav" trim 0 0.1

lame --quiet -b 128 --resample 44.1 "$scratch/stereo44.wav" stereo.mp3
lame --quiet -b 64 "$scratch/mono16.wav" mono.mp3
lame --quiet -b 64 -t "$scratch/mono16.wav" mono-no-tag.mp3
lame --quiet -V 3 --add-id3v2 --id3v2-only --tt Test --ta Test "$scratch/stereo48.wav" vbr-id3.mp3
flac --silent --no-padding -f -8 "$scratch/mono16.wav" -o mono.flac
flac --silent --no-padding -f -5 "$scratch/mono24.wav" -o mono-24bit.flac
flac --silent --no-padding -f -8 "$scratch/short.wav" -o stereo.flac
flac --silent --no-padding -f -0 --no-mid-side --lax -b 100 "$scratch/short.wav" -o stereo-fixed-small-blocks.flac
opusenc --quiet --serial 1 --bitrate 64 "$scratch/stereo48.wav" stereo.opus
opusenc --quiet --serial 1 --bitrate 32 "$scratch/mono16.wav" mono.opus
oggenc -Q -s 1 -q 4 "$scratch/stereo44.wav" -o stereo.ogg
oggenc -Q -s 1 -q 4 "$scratch/mono16.wav" -o mono.ogg
opusenc --quiet --serial 1 --bitrate 24 "$scratch/four.wav" long.opus
oggenc -Q -s 1 -q 8 "$scratch/four.wav" -o long.ogg
ffmpeg -loglevel error -y -i "$scratch/short.wav" -c:a pcm_s16be -bitexact stereo.aiff
ffmpeg -loglevel error -y -i "$scratch/short.wav" -c:a pcm_f32be -bitexact -t 0.05 float.aiff
ffmpeg -loglevel error -y -i "$scratch/mono16.wav" -c:a pcm_mulaw -f aiff -bitexact mu-law.aifc
ffmpeg -loglevel error -y -i "$scratch/mono16.wav" -c:a pcm_alaw -bitexact a-law.wav
ffmpeg -loglevel error -y -i "$scratch/mono16.wav" -c:a pcm_mulaw -bitexact mu-law.wav
ffmpeg -loglevel error -y -i "$scratch/mono16.wav" -c:a adpcm_ms -bitexact adpcm.wav
ffmpeg -loglevel error -y -i "$scratch/short.wav" -f wav -rf64 always -bitexact rf64.wav
ffmpeg -loglevel error -y -i "$scratch/short.wav" -f wav -bitexact - > piped.wav
ffmpeg -loglevel error -y -i "$scratch/stereo48.wav" -c:a aac -bitexact stereo.m4a
# Four seconds of video whose picture is one colour per second, red, green, blue, white; sound in the first half second.
for colour in red green blue white; do echo "color=$colour:s=64x48:r=10:d=1"; done > "$scratch/colours"
ffmpeg -loglevel error -y -f lavfi -i "$(sed -n 1p "$scratch/colours")" -f lavfi -i "$(sed -n 2p "$scratch/colours")" \
    -f lavfi -i "$(sed -n 3p "$scratch/colours")" -f lavfi -i "$(sed -n 4p "$scratch/colours")" -i "$scratch/stereo48.wav" \
    -filter_complex '[0][1][2][3]concat=n=4[v]' -map '[v]' -map 4:a -c:v mpeg4 -q:v 2 -c:a aac -bitexact colours.mp4
ffmpeg -loglevel error -y -i colours.mp4 -an -c copy -bitexact silent.mp4
