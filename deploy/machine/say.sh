# shellcheck shell=bash
# Sourced by the scripts beside it: how they talk, and where they keep their things.
#   say TEXT…             one line of progress
#   fail TEXT…            one line on stderr, exit 1; say what to do about it
#   step TEXT COMMAND…    runs a long COMMAND with its output in a log: shows that it moves, how long it took, and the log's end if it fails
#   have COMMAND          true when COMMAND is installed

set -euo pipefail
export PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
export LC_ALL=C.UTF-8

SIXGATE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Set these three for a second set of engines beside the first.
SIXGATE_RUN=${SIXGATE_RUN:-/run/sixgate}            # sockets, pids, logs: gone after a reboot
SIXGATE_LIB=${SIXGATE_LIB:-/var/lib/sixgate}        # data of the private engines
SIXGATE_CACHE=${SIXGATE_CACHE:-/var/cache/sixgate}  # root file systems and npm tarballs that base images are made of
# PLATFORM=linux/arm64 (or amd64): where that is not this machine's, engines of its own, since an engine keeps one platform under one
# name. What is called from here finds that in what is exported.
case ${PLATFORM:-} in
  '' | "linux/$(dpkg --print-architecture 2>/dev/null)") ;;
  linux/arm64 | linux/amd64)
    export DOCKER_DEFAULT_PLATFORM=$PLATFORM
    SIXGATE_RUN=$SIXGATE_RUN-${PLATFORM#linux/}
    SIXGATE_LIB=$SIXGATE_LIB-${PLATFORM#linux/}
    ;;
  *)
    printf 'PLATFORM=%s: allowed are linux/amd64 and linux/arm64\n' "$PLATFORM" >&2
    exit 1
    ;;
esac
unset PLATFORM
export SIXGATE_ROOT SIXGATE_RUN SIXGATE_LIB SIXGATE_CACHE

say() { printf '[%s] %s\n' "$(basename "$0" .sh)" "$*"; }

fail() {
  printf '[%s] error: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

need_root() {
  [ "$(id -u)" = 0 ] || fail "$* needs root: run it as root (or with sudo)"
}

step() {
  local text=$1 log started=$SECONDS pid shown=0 status=0 last
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/sixgate-step.XXXXXX")
  say "$text …"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - started)) -ge $((shown + 10)) ]; then
      shown=$((SECONDS - started))
      last=$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)
      say "  $shown s${last:+: $last}"
    fi
  done
  wait "$pid" || status=$?
  if [ "$status" != 0 ]; then
    tail -n 40 "$log" >&2
    printf '[%s] error: "%s" failed with status %s after %s s; whole log: %s\n' \
      "$(basename "$0" .sh)" "$text" "$status" $((SECONDS - started)) "$log" >&2
    exit "$status"
  fi
  rm -f "$log"
  say "$text: done in $((SECONDS - started)) s"
}
