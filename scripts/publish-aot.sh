#!/usr/bin/env bash
# Publishes the gemma program with Native AOT for this machine and runs it once on the demo checkpoint.
#   scripts/publish-aot.sh [FOLDER] [INSTRUCTIONS]
# FOLDER        artifacts/aot unless given.
# INSTRUCTIONS  "native" unless given: everything that this very processor has, so that the program is as fast as one that is compiled while it runs; processors
#               with less refuse it at the start. For other machines "x86-64-v3" (AVX2, processors since about 2015) or "x86-64-v4" (AVX-512).
# Needs the .NET SDK and a C compiler with zlib (on Debian: apt-get install clang zlib1g-dev).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-artifacts/aot} instructions=${2:-native}

rid=$(dotnet --info | sed -nE 's/^ *RID: *//p' | head -n 1)
compiler=()
command -v clang > /dev/null || compiler=(-p:CppCompilerAndLinker=gcc)
dotnet publish src/GemmaSharp.Cli --runtime "$rid" --configuration Release --output "$folder" -p:PublishAot=true "-p:IlcInstructionSet=$instructions" -p:StripSymbols=true \
    ${compiler[@]+"${compiler[@]}"} --verbosity quiet

answer=$("$folder/gemma" run "What is the capital of Peru?" --temperature 0)
echo "$answer"
[ "$answer" = "The capital of Peru is Lima." ] || { echo "The published program answers otherwise than the built one." >&2; exit 1; }
"$folder/gemma" bench --prompt-tokens 0 --answer-tokens 1 --repetitions 1 | head -n 1
du -h "$folder/gemma" | cut -f 1
