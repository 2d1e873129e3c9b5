#!/bin/bash
# Install the package into a new, small Debian beside Debian's own Twisted, use it, install it once
# more, remove it, purge it; and compare what is there before and after.
#
#   debian/clean-root.sh PACKAGE.deb
#
# Needs root and mmdebstrap. SUITE and MIRROR may be set; SUITE should have the Python of the package.
# BASE is a tar file with such a system, if it need not be made anew.
set -euo pipefail

package=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
mirror=${MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d)
root=$work/root
finish() {
    rm -rf --one-file-system "$work"
}
trap finish EXIT

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        unshare --mount --pid --fork --mount-proc="$root/proc" chroot "$root" "$@"
}

# Every file with its digest, every link with its target; dpkg's own notes change, and logs.
inventory() {
    (cd "$root" && find . -xdev \
        \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./tmp \) -prune -o \
        \( -type f -exec sha256sum {} + -o -type l -printf '%p -> %l\n' -o -type d -printf '%p/\n' \)) \
        | sort
}
twisted() {
    (cd "$root/usr/lib/python3/dist-packages" && find twisted -type f -exec sha256sum {} + | sort | sha256sum)
}

# The twistd of Debian (twistd3) works, and knows its own commands only.
check_commands() {
    inside twistd3 --help >"$work/commands"
    grep '^ *web ' "$work/commands" >/dev/null
    if grep '^ *cyclone ' "$work/commands"; then exit 1; fi
}

if [ -n "${BASE:-}" ]; then
    mkdir "$root"
    tar -x -C "$root" -f "$BASE"
else
    echo "--- a root of $suite"
    mmdebstrap --quiet --variant=minbase --include=python3-twisted,procps,ca-certificates \
        "$suite" "$root" "deb $mirror $suite main"
fi
inside twistd3 --help >/dev/null
inventory >"$work/before"
twisted_before=$(twisted)

# What the package needs is there already, as dpkg confirms: it does not fetch anything.
cp "$package" "$root/tmp/cyclone.deb"
cp "$here/tests/smoke" "$root/tmp/smoke"
for round in first second; do
    echo "--- the $round installation"
    inside dpkg --install /tmp/cyclone.deb
    # Twisted's list of plugins was written by root, for those who may not.
    test -s "$(echo "$root"/usr/lib/cyclone/lib/python3*/site-packages/twisted/plugins/dropin.cache)"
    inside /tmp/smoke
done
[ "$(twisted)" = "$twisted_before" ] || { echo "Debian's Twisted has changed"; exit 1; }
check_commands

echo "--- removed"
inside dpkg --remove cyclone
test ! -e "$root/usr/lib/cyclone"
inventory | diff "$work/before" - | grep '^[<>]' >"$work/left" || true
cat "$work/left"
test "$(sed 's|.* \./|./|' "$work/left")" = ./etc/default/cyclone

echo "--- purged"
inside dpkg --purge cyclone
inventory | diff "$work/before" -
[ "$(twisted)" = "$twisted_before" ] || { echo "Debian's Twisted has changed"; exit 1; }
check_commands
echo "nothing is left, and Debian's Twisted is as it was"
