#!/usr/bin/env bash
# fuzz.sh [TARGET...]: runs every fuzz target (or those named) for FUZZ_SECONDS (60) each, under ASan
# and UBSan. New inputs go to build-fuzz/corpus/, crashes stay in build-fuzz/ and fail the run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
CC=clang-14 CXX=clang++-14 tools/configure.sh build-fuzz -Dfuzz=true -Dtests=false \
    -Db_sanitize=address,undefined -Db_lundef=false -Djemalloc=disabled
ninja -C build-fuzz --quiet
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd build-fuzz && ls ./*_fuzz | sed 's|^\./||')
failed=0
for target in "${targets[@]}"; do
    mkdir -p "build-fuzz/corpus/$target"
    printf '%-28s ' "$target"
    if out=$(cd build-fuzz && "./$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 \
        -print_final_stats=1 "corpus/$target" $([ -d "../fuzz/corpus/$target" ] && echo "../fuzz/corpus/$target") 2>&1); then
        echo "ok $(grep -o 'number_of_executed_units: [0-9]*' <<<"$out" | grep -o '[0-9]*') executions"
    else
        echo "FAILED"
        tail -40 <<<"$out"
        failed=$((failed + 1))
    fi
done
echo "$((${#targets[@]} - failed)) passed, $failed failed, 0 skipped"
[ $failed = 0 ]
