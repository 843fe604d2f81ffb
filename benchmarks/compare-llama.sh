#!/usr/bin/env bash
# Times gemma and llama.cpp on the same GGUF file, in turns, and prints the ratios with their spread.
#   benchmarks/compare-llama.sh LLAMA_BENCH FILE.gguf [ROUNDS] [THREADS] [FOLDER]
# LLAMA_BENCH  llama.cpp's own llama-bench, or another program that takes its options. Where there is none, npm has a prebuilt llama.cpp:
#              npm install node-llama-cpp@3.22.1 --ignore-scripts, and then "node benchmarks/llama-bench.mjs" in quotes.
# FILE.gguf    a Gemma 3n. One of the published shapes with random weights, 2.7 GB, without a download:
#              dotnet run -c Release --project benchmarks/GemmaSharp.Benchmarks -- random-gguf e2b random-e2b.gguf
# ROUNDS       how often both have their turn, A B A B …; 2 unless given, with two runs each.
# THREADS      all of the machine unless given.
# FOLDER       where the results are left, gemma.jsonl and llama.jsonl; artifacts/compare-llama unless given. Results that are there are added to.
# PROMPT and ANSWER in the environment are the numbers of tokens, 512 and 64.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,12p' "$0" | sed 's/^# \{0,1\}//'; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
read -r -a llama <<< "$1"
file=$2 rounds=${3:-2} threads=${4:-$(nproc)} folder=${5:-$root/artifacts/compare-llama}
prompt=${PROMPT:-512} answer=${ANSWER:-64}
[ -f "$file" ] || { echo "$file does not exist; give a GGUF file." >&2; exit 2; }
command -v "${llama[0]}" > /dev/null || { echo "${llama[0]} is not there; give the path of llama-bench." >&2; exit 2; }

dotnet build "$root/benchmarks/GemmaSharp.Benchmarks" --configuration Release --verbosity quiet
gemma=(dotnet "$root/artifacts/bin/GemmaSharp.Cli/release/gemma.dll")
mkdir -p "$folder"

# watched FILE COMMAND…: runs it, and adds the most memory that it had to FILE where the system tells.
watched() {
    local peak=$1 most=0 now
    shift
    "$@" &
    local id=$!
    while kill -0 "$id" 2> /dev/null; do
        now=$(sed -nE 's/^VmHWM: *([0-9]+) kB/\1/p' "/proc/$id/status" 2> /dev/null || true)
        [ "${now:-0}" -le "$most" ] || most=$now
        sleep 0.2
    done
    wait "$id"
    [ "$most" -eq 0 ] || echo "{\"peak_memory_bytes\":$((most * 1024))}" >> "$peak"
}

for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds: gemma" >&2
    "${gemma[@]}" bench --model "$file" --prompt-tokens "$prompt" --answer-tokens "$answer" --repetitions 2 --threads "$threads" --json >> "$folder/gemma.jsonl"
    echo "round $round of $rounds: ${llama[*]}" >&2
    watched "$folder/llama.jsonl" "${llama[@]}" -m "$file" -p "$prompt" -n "$answer" -t "$threads" -r 2 -o jsonl >> "$folder/llama.jsonl"
done

dotnet "$root/artifacts/bin/GemmaSharp.Benchmarks/release/GemmaSharp.Benchmarks.dll" peer "$folder"
