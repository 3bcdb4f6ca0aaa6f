#!/bin/sh
# tools/fuzz.sh SECONDS - runs every fuzz target that long, from its corpus. A crash stops it and leaves the
# input in build-fuzz/.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
[ -f build-fuzz/build.ninja ] ||
    CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
ninja -C build-fuzz --quiet
cd build-fuzz
for target in tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=${target##*/fuzz_}
    mkdir -p "corpus/$name"
    echo "fuzz_$name: $seconds s"
    "$target" -max_total_time="$seconds" -print_final_stats=0 -verbosity=0 "corpus/$name" "../tests/fuzz/corpus/$name"
done
echo "no fuzz target crashed"
