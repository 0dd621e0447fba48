#!/usr/bin/env bash
# Lets the kernel run programs of another processor by qemu-user, for building images of another platform.
#
#   emulation.sh ARCH       installs qemu-user, registers it for ARCH (Debian's name: arm64, amd64) when nothing runs its programs yet
#   emulation.sh --off ARCH takes away what that registered
#
# The registration (binfmt_misc) is the machine's and lasts until it is switched off; it has no part in its network. The emulator is
# opened when it is registered (flag F), so it also runs what is in containers that do not have it.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

BINFMT=/proc/sys/fs/binfmt_misc
declare -A QEMU_NAMES=([arm64]=aarch64 [amd64]=x86_64)

off=no
if [ "${1:-}" = --off ]; then
  off=yes
  shift
fi
arch=${1:-}
[[ -v "QEMU_NAMES[$arch]" ]] || fail "emulation.sh \"$arch\": allowed are ${!QEMU_NAMES[*]}"
qemu=${QEMU_NAMES[$arch]}
entry=$BINFMT/sixgate-$qemu

need_root "emulation.sh"
if [ "$off" = yes ]; then
  if [ -e "$entry" ]; then
    echo -1 >"$entry"
    say "programs for $arch are not emulated any more"
  fi
  exit
fi
"$(dirname "$0")/packages.sh" --emulation
if arch-test "$arch" >/dev/null 2>&1; then
  say "programs for $arch run here"
  exit
fi
[ -e "$BINFMT/register" ] || mount -t binfmt_misc binfmt_misc "$BINFMT" ||
  fail "this kernel cannot run programs of another processor (no binfmt_misc): build on a machine of that platform"
# The name, the interpreter and the flags are ours; magic and mask are those of the package.
IFS=: read -r _ _ kind offset magic mask _ <"/usr/share/qemu/binfmt.d/qemu-$qemu.conf"
printf '%s' ":sixgate-$qemu:$kind:$offset:$magic:$mask:/usr/bin/qemu-$qemu:OF" >"$BINFMT/register"
arch-test "$arch" >/dev/null || fail "programs for $arch do not run although $entry is registered"
say "programs for $arch are emulated from now on; off again: $0 --off $arch"
