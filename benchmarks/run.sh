#!/usr/bin/env bash
# Measures the whole model on this machine and writes benchmarks/results/CPU/model.md: commands, speeds with their spread, shares of what the machine can do,
# ratios, where a step's time goes, and a roofline as a picture.
#   benchmarks/run.sh CPU [ROUNDS] [CASE…]
# CPU     the folder of results: amd-epyc-zen5, intel-sapphire-rapids …
# ROUNDS  how often all cases have their turn, A B C A B C …; 2 unless given, with two runs each.
# CASE    only these, by their names below. Results that are there from before are added to; remove CPU/runs to begin anew.
# In the environment:
#   GEMMA_AOT    a program that scripts/publish-aot.sh made: measured, too.
#   LLAMA_BENCH  llama-bench, and LLAMA_GGUF a GGUF file: llama.cpp is measured in turns with gemma (benchmarks/compare-llama.sh).
#   OPTIONS      more options for every case, such as "--layers 5 --prompt-tokens 32 --answer-tokens 4" to see that all works.
# Bfloat16 takes 9 GB of memory, everything else less than 6. Nothing else should run; how much did shows in the machine's own figures, which each run measures.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,14p' "$0" | sed 's/^# \{0,1\}//'; exit 2; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$root/benchmarks/results/$1 rounds=${2:-2}
shift; [ $# -eq 0 ] || shift
wanted=" $* "
mkdir -p "$folder/runs"

dotnet build "$root/benchmarks/GemmaSharp.Benchmarks" --configuration Release --verbosity quiet
gemma="dotnet $root/artifacts/bin/GemmaSharp.Cli/release/gemma.dll"

# NAME|ENVIRONMENT|PROGRAM|OPTIONS
cases=(
    "4-bit||$gemma|--synthetic e2b --bits 4 --conversations 1,4,8 --prefix --profile"
    "4-bit-at-8000||$gemma|--synthetic e2b --bits 4 --context 8000 --prompt-tokens 0 --profile"
    "4-bit-avx2|DOTNET_EnableAVX512=0|$gemma|--synthetic e2b --bits 4 --profile"
    "8-bit||$gemma|--synthetic e2b --bits 8 --profile"
    "mxfp4||$gemma|--synthetic e2b --mode mxfp4 --profile"
    "nvfp4||$gemma|--synthetic e2b --mode nvfp4 --profile"
    "bf16||$gemma|--synthetic e2b --profile"
    "towers||$gemma|--synthetic e2b --layers 5 --prompt-tokens 0 --answer-tokens 0 --image --audio"
)
[ -z "${GEMMA_AOT:-}" ] || cases+=("4-bit-aot||$GEMMA_AOT|--synthetic e2b --bits 4 --profile")

for ((round = 1; round <= rounds; round++)); do
    for each in "${cases[@]}"; do
        IFS='|' read -r name environment program options <<< "$each"
        [ "$wanted" = "  " ] || [[ "$wanted" = *" $name "* ]] || continue
        echo "round $round of $rounds: $name" >&2
        # shellcheck disable=SC2086
        env $environment $program bench $options --repetitions 2 ${OPTIONS:-} --json >> "$folder/runs/$name.jsonl"
    done
    if [ -n "${LLAMA_BENCH:-}" ]; then
        "$root/benchmarks/compare-llama.sh" "$LLAMA_BENCH" "${LLAMA_GGUF:?LLAMA_GGUF names no GGUF file}" 1 "$(nproc)" "$folder/runs/llama.cpp" > /dev/null
    fi
done

picture=$folder/runs/4-bit.jsonl
[ ! -f "$picture" ] || $gemma bench --result "$picture" --plot "$folder/roofline.png"
dotnet "$root/artifacts/bin/GemmaSharp.Benchmarks/release/GemmaSharp.Benchmarks.dll" model "$folder" > "$folder/model.md.new"
mv "$folder/model.md.new" "$folder/model.md"
echo "$folder/model.md"
