#!/usr/bin/env bash
# Puts systemd-networkd of Debian 13 (257) into a folder, as a host for the tests of ra-advertiser: Debian 12's (252) knows neither
# PREF64 nor encrypted DNS. Unpacked, not installed: nothing of this machine changes. Where it cannot be had those tests are skipped.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

root=$SIXGATE_CACHE/networkd-trixie
[ ! -e "$root/complete" ] || exit 0
need_root "unpacking Debian packages"
mirror=$("$(dirname "$0")/debian-mirror.sh")
mkdir -p "$SIXGATE_CACHE"
work=$(mktemp -d "$SIXGATE_CACHE/networkd.XXXXXX")
trap 'rm -rf "$work"' EXIT

unpack() {
  mmdebstrap --variant=extract --include=systemd,dbus-daemon \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    trixie "$work/root" "deb ${mirror:-http://deb.debian.org/debian} trixie main"
}

# What the packages' own scripts would do.
finish() {
  local name
  for name in bin sbin lib lib64; do [ -e "$work/root/$name" ] || ln -s "usr/$name" "$work/root/$name"; done
  mkdir -p "$work/root"/{proc,sys,dev,run,tmp,etc/systemd}
  printf 'root:x:0:0:root:/root:/bin/sh\nsystemd-network:x:998:998::/:/usr/sbin/nologin\n' >"$work/root/etc/passwd"
  printf 'root:x:0:\nsystemd-network:x:998:\n' >"$work/root/etc/group"
  # networkd makes the identifiers of its DHCP clients of it.
  echo 5e000000000000000000000000005310 >"$work/root/etc/machine-id"
  touch "$work/root/complete"
}

if ! step "unpack systemd-networkd of Debian 13" unpack; then
  say "systemd-networkd of Debian 13 cannot be had here: tests with it are skipped"
  exit 0
fi
finish
chmod 755 "$work/root"
rm -rf "$root"
mv "$work/root" "$root"
