#!/bin/sh
# tools/install.sh BUILD PREFIX - installs what BUILD holds: the program, both libraries, headers, the pkg-config
# file, the browser client and the manual page. DESTDIR is put before PREFIX. A BUILD that was set up for another prefix is set
# up again.
set -eu
build=$1 prefix=$2

option() {
    meson introspect "$build" --buildoptions |
        python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]))' "$1"
}

if [ "$(option prefix)" != "$prefix" ]; then
    meson setup "$build" --reconfigure --prefix="$prefix" >/dev/null
    ninja -C "$build" build.ninja >/dev/null
fi
ninja -C "$build" --quiet atrium library
meson install -C "$build" --quiet --no-rebuild
data=${DESTDIR:-}$prefix/share/atrium/client
install -d "$data"
install -m 644 "$build"/client/* "$data"
man=${DESTDIR:-}$prefix/share/man/man1
install -d "$man"
install -m 644 "$(dirname "$0")"/../docs/man/*.1 "$man"
echo "Installed ${DESTDIR:-}$prefix/bin/atrium and libatrium in ${DESTDIR:-}$prefix/$(option libdir)"
