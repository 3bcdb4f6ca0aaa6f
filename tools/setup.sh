#!/bin/sh
# tools/setup.sh SECTION... - installs the Debian packages of apt.txt's sections that are missing, and says
# which. Keeps a node and npm that are on the PATH already. Needs root or sudo only when something is
# missing.
set -eu
cd "$(dirname "$0")/.."

section() {
    awk -v want="[$1]" '/^\[/ { on = ($0 == want); next } on && NF && !/^#/ { print $1 }' apt.txt
}

wanted=""
for name in "$@"; do
    if [ "$name" = node ] && command -v node >/dev/null && command -v npm >/dev/null; then
        continue
    fi
    wanted="$wanted $(section "$name")"
done

missing=""
for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Atrium needs these Debian packages, which are not installed:$missing"
if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here. Install the equivalents of the packages above, then try again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null; then
    as_root="sudo"
else
    echo "Installing them takes root, and there is no sudo. Run this as root, then try again:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
# A package for a test may bring a service. It must not run here because of that.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

echo "Installing them with apt-get ..."
$as_root apt-get update -qq
# shellcheck disable=SC2086 -- the list is meant to be split
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
if [ -d /run/systemd/system ]; then
    # shellcheck disable=SC2086
    for unit in $(dpkg -L $missing | sed -n 's,^.*/systemd/system/\([^/@]*\.service\)$,\1,p'); do
        $as_root systemctl disable --quiet "$unit"
    done
fi
