#!/usr/bin/env bash
# Makes what a guest boots from, out of Debian packages: a kernel, an initial RAM disk and a root file system. Prints their folder.
#
#   guest-image.sh SUITE ARCH KERNEL-PACKAGE [engine]   e.g. guest-image.sh bookworm amd64 linux-image-amd64
#
# engine: with a Docker engine, and what the simulated site needs of the machine that it is on.
#
# Kept in /var/cache/sixgate/vm, named after all that it is made of; a month after a new kernel package came out, or with
# SIXGATE_VM_FRESH=1, it is made anew. Nothing of the guest's architecture runs here: packages are unpacked, not configured.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/../../deploy/machine/say.sh"
exec 3>&1 1>&2

[ $# = 3 ] || [ "${4:-}" = engine ] || fail "usage: guest-image.sh SUITE ARCH KERNEL-PACKAGE [engine]"
suite=$1 arch=$2 kernel=$3 kind=${4:-plain}
here=$SIXGATE_ROOT/e2e/vm
MACHINE=$SIXGATE_ROOT/deploy/machine

# What the tests call, and what Node needs.
PACKAGES=(
  busybox-static libc-bin dash bash coreutils grep sed gawk util-linux mount procps kmod ca-certificates libatomic1 libstdc++6
  iproute2 iputils-ping iptables nftables ethtool tcpdump conntrack nats-server
  # what hosts of a LAN look with
  ndisc6 rdnssd
  # an uplink, and a provider at its other end
  ppp pppoe
)
[ "$kind" = plain ] || PACKAGES+=(docker.io docker-cli docker-compose docker-buildx curl bind9-dnsutils dpkg)
# The root disk, before there are any modules to be had from it.
BOOT_MODULES=(virtio_pci virtio_blk ext4)
# Sparse: room for what a suite writes.
ROOT_SIZE=6G

recipe=$(cat "$0" "$here"/guest/* | sha256sum | cut -c 1-12)
name=$suite-$arch-$kernel-$kind
folder=$SIXGATE_CACHE/vm/$name-$recipe
if [ -e "$folder/complete" ] && [ "${SIXGATE_VM_FRESH:-0}" = 0 ] && [ -z "$(find "$folder/complete" -mtime +30)" ]; then
  echo "$folder" >&3
  exit
fi
need_root "making a root file system"
mkdir -p "$SIXGATE_CACHE/vm"
work=$(mktemp -d "$SIXGATE_CACHE/vm/making.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

unpack() {
  local mirror
  mirror=$("$MACHINE/debian-mirror.sh")
  mirror=${mirror:-http://deb.debian.org/debian}
  mmdebstrap --variant=extract --architectures="$arch" --include="$(IFS=, && echo "${PACKAGES[*]},$kernel")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$root" "deb $mirror $suite main" "deb $mirror-security $suite-security main"
}

# What the packages' own scripts would do, as far as anything here needs it.
finish() {
  local name
  depmod --basedir "$root" "$version"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\ntcpdump:x:100:100::/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\ntcpdump:x:100:\n' >"$root/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
  printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$root/etc/hosts"
  echo guest >"$root/etc/hostname"
  ln -sf gawk "$root/usr/bin/awk"
  for name in {iptables,ip6tables}{,-save,-restore}; do ln -sf xtables-nft-multi "$root/usr/sbin/$name"; done
  install -D -m 755 "$here/guest/init" "$root/sbin/init"
  mkdir -p "$root"/{proc,sys,dev,run,tmp,work,root}
  mkfs.ext4 -q -F -d "$root" "$work/root.img" "$ROOT_SIZE"
}

initial_ram_disk() {
  local ram=$work/ram module path number=0
  mkdir -p "$ram"/{bin,proc,sys,dev,root,modules}
  cp "$root"/{usr/,}bin/busybox "$ram/bin/" 2>/dev/null || [ -e "$ram/bin/busybox" ]
  install -m 755 "$here/guest/initrd" "$ram/init"
  # In the order in which they have to be loaded.
  for module in "${BOOT_MODULES[@]}"; do
    while read -r _ path _; do
      [ -e "$path" ] || continue
      path=$(realpath "$path")
      compgen -G "$ram/modules/*-$(basename "$path")" >/dev/null && continue
      number=$((number + 1))
      cp "$path" "$ram/modules/$(printf %02d "$number")-$(basename "$path")"
    done < <(modprobe --dirname "$root" --set-version "$version" --show-depends "$module")
  done
  # busybox' insmod knows no compressed modules.
  find "$ram/modules" -name '*.xz' -exec xz -d {} +
  (cd "$ram" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$work/initrd"
  cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
}

step "unpack Debian $suite for $arch with $kernel" unpack
version=$(basename "$root"/lib/modules/*)
step "make its root file system" finish
step "make its initial RAM disk" initial_ram_disk
echo "$version" >"$work/kernel-version"
rm -rf "$root" "$work/ram"
touch "$work/complete"
rm -rf "$SIXGATE_CACHE/vm/$name"-*
mv "$work" "$folder"
chmod 755 "$folder"
say "Debian $suite for $arch, kernel $version: $folder"
echo "$folder" >&3
