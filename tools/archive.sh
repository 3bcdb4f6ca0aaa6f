#!/bin/sh
# tools/archive.sh OUT SCRATCH ARCHIVE... - puts the archives into OUT as one object whose hidden symbols are
# local: nothing but the public API can be linked against, and no name of ours meets one of the program's.
set -eu
out=$1 scratch=$2
shift 2
mkdir -p "$scratch"
"${LD:-ld}" -r -o "$scratch/atrium.o" --whole-archive "$@"
"${OBJCOPY:-objcopy}" --localize-hidden "$scratch/atrium.o"
rm -f "$out"
"${AR:-ar}" rcs "$out" "$scratch/atrium.o"
rm -f "$scratch/atrium.o"
