#!/usr/bin/env bash
# Whether `make test` has this machine run `make e2e-vm`, too: status 0, or status 1 and a line that says what it lacks.
# SIXGATE_VM=yes or no decides, whatever the machine is.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/../../deploy/machine/say.sh"

# All instructions of the guests are emulated, two processors each: with fewer than four the two guests run one after the other, a quarter of an hour.
PROCESSORS=4
MEMORY_MIB=6144
DISK_MIB=8192

leave_out() {
  say "make e2e-vm is left out: $*"
  exit 1
}

# The next folder upwards that is there.
folder_at() {
  local folder=$1
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  printf '%s' "$folder"
}

case ${SIXGATE_VM:-} in
  yes) exit ;;
  no) leave_out "SIXGATE_VM=no" ;;
  '') ;;
  *)
    printf 'SIXGATE_VM=%s: allowed are yes and no\n' "$SIXGATE_VM" >&2
    exit 2
    ;;
esac

lacks=()
[ "$(id -u)" = 0 ] || lacks+=("it needs root")
processors=$(nproc)
[ "$processors" -ge "$PROCESSORS" ] || lacks+=("$processors of $PROCESSORS processors")
memory=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
[ "$memory" -ge "$MEMORY_MIB" ] || lacks+=("$memory of $MEMORY_MIB MiB of free memory")
cache=$(folder_at "$SIXGATE_CACHE")
disk=$(($(df --output=avail -k "$cache" | tail -n 1) / 1024))
[ "$disk" -ge "$DISK_MIB" ] || lacks+=("$disk of $DISK_MIB MiB of free disk at $cache")
[ "${#lacks[@]}" = 0 ] || leave_out "$(printf '%s; ' "${lacks[@]}")SIXGATE_VM=yes runs it all the same"
