#!/bin/bash
# Install an older version of the package into a new, small Debian beside Debian's own Twisted,
# upgrade it, use it, install it once more, remove it, purge it; see what its scripts ask of systemd,
# and compare what is there before and after.
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
trap 'echo "$0: line $LINENO: $BASH_COMMAND" >&2' ERR
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

# As under systemd: what maintainer scripts ask of it is written down, if policy-rc.d lets them.
mkdir -p "$root/run/systemd/system"
printf '#!/bin/sh\necho "$@" >>/tmp/systemctl\n' >"$root/usr/bin/systemctl"
chmod +x "$root/usr/bin/systemctl"
asked() {
    touch "$root/tmp/systemctl"
    diff <(printf '%s\n' "$@") "$root/tmp/systemctl"
    rm "$root/tmp/systemctl"
}
policy() {
    printf '#!/bin/sh\nexit %s\n' "$1" >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
}

# An older version of the package has a module that the new one does not have.
older() {
    local tree=$work/older
    dpkg-deb --raw-extract "$package" "$tree"
    sed -i 's/^Version: .*/Version: 1.99/' "$tree/DEBIAN/control"
    mkdir "$(echo "$tree"/usr/lib/cyclone/lib/python3*/site-packages)/cyclone/left"
    touch "$(echo "$tree"/usr/lib/cyclone/lib/python3*/site-packages)/cyclone/left/__init__.py"
    dpkg-deb --root-owner-group -Znone --build "$tree" "$root/tmp/older.deb" >/dev/null
}

# What the package needs is there already, as dpkg confirms: it does not fetch anything.
install_it() {
    inside dpkg --force-unsafe-io --install "/tmp/$1.deb"
    # Twisted's list of plugins was written by root, for those who may not.
    test -s "$(echo "$root"/usr/lib/cyclone/lib/python3*/site-packages/twisted/plugins/dropin.cache)"
}

cp "$package" "$root/tmp/cyclone.deb"
cp "$here/tests/smoke" "$root/tmp/smoke"
older

echo "--- an older version"
policy 101
install_it older
asked "--system daemon-reload"
find "$root/usr/lib/cyclone" -path '*/cyclone/left/__pycache__/*' | grep -q .
echo "#CYCLONE_OPTIONS=--workers=2" >>"$root/etc/default/cyclone"

echo "--- the upgrade"
install_it cyclone
asked "--system daemon-reload"
if find "$root/usr/lib/cyclone" -path '*/cyclone/left*' | grep .; then exit 1; fi
# Nobody was asked about a configuration file that only the administrator had changed.
grep -q -e --workers=2 "$root/etc/default/cyclone"
inside /tmp/smoke

echo "--- the same once more, where services may be started"
policy 0
install_it cyclone
asked "--system daemon-reload" "try-restart cyclone@*.service"
[ "$(twisted)" = "$twisted_before" ] || { echo "Debian's Twisted has changed"; exit 1; }
check_commands

# An instance that was enabled, and a neighbour.
wants=$root/etc/systemd/system/multi-user.target.wants
mkdir -p "$wants"
ln -s /lib/systemd/system/cyclone@.service "$wants/cyclone@shop.service"
ln -s /lib/systemd/system/other.service "$wants/other.service"
mkdir -p "$root/var/lib/cyclone/shop"

echo "--- removed"
inside dpkg --remove cyclone
asked "stop cyclone@*.socket cyclone@*.service" "--system daemon-reload"
test ! -e "$root/usr/lib/cyclone"
test -e "$root/etc/default/cyclone"

echo "--- purged"
inside dpkg --purge cyclone
test ! -L "$wants/cyclone@shop.service"
test -L "$wants/other.service"
# The data of applications stay.
rmdir "$root/var/lib/cyclone/shop" "$root/var/lib/cyclone"
rm "$wants/other.service" "$root/usr/bin/systemctl" "$root/usr/sbin/policy-rc.d"
rmdir --ignore-fail-on-non-empty "$wants" "$root/etc/systemd/system" "$root/etc/systemd"
rmdir --ignore-fail-on-non-empty "$root/run/systemd/system" "$root/run/systemd"
inventory | diff "$work/before" -
[ "$(twisted)" = "$twisted_before" ] || { echo "Debian's Twisted has changed"; exit 1; }
check_commands
echo "nothing is left, and Debian's Twisted is as it was"
