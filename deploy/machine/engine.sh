#!/usr/bin/env bash
# Private Docker engines that leave this machine's network as it is.
#
#   engine.sh build-start               an engine for building images: the machine's own when `docker info` works, else a private one
#   engine.sh build-host                prints the DOCKER_HOST of the engine that build-start chose (empty: the machine's own)
#   engine.sh build-stop                stops the private build engine (never the machine's own)
#   engine.sh site-start NETNS [RESOLV] an engine inside network namespace NETNS, which plays the Pi: `network_mode: host` is that namespace.
#                                       RESOLV is what it and its containers read as /etc/resolv.conf (default /etc/netns/NETNS/resolv.conf).
#                                       Starts empty but for its images: no container, volume or network of an earlier run.
#   engine.sh site-stop [--keep]        stops it; with --keep the next site-start finds containers and volumes again, as after a reboot
#   engine.sh site-keep                 the same of the next site-start, without a stop: before the power goes
#   engine.sh site-host                 prints unix:///run/sixgate/site/docker.sock
#   engine.sh data                      prints the folder of the engines' data
#   engine.sh status                    prints both
#
# Engine ROLE (build, site): data in /var/lib/sixgate/ROLE, socket, pid and log in /run/sixgate/ROLE.
# The site engine has Docker's default networking (docker0, FORWARD policy DROP, DOCKER-USER, all inside NETNS); the private build
# engine has none (builds use --network host). Each runs its own containerd in a mount namespace of its own; mounts of the machine
# still propagate in, so that `ip netns del` works while an engine runs. nsenter is used because `ip netns exec` hides the cgroups.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

socket_of() { echo "unix://$SIXGATE_RUN/$1/docker.sock"; }

# The pid of ROLE's dockerd when it runs, else nothing. A pid file may be stale, so the command line must be ours.
pid_of() {
  local pid
  pid=$(cat "$SIXGATE_RUN/$1/dockerd.pid" 2>/dev/null) || return 0
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "--data-root=$SIXGATE_LIB/$1 " && printf "%s\n" "$pid"
  return 0
}

# Runs in the engine's new mount namespace: own resolv.conf, no view of the machine's containerd; then becomes dockerd.
# shellcheck disable=SC2016
IN_NAMESPACE='
  set -e
  resolv=$1; shift
  if [ -n "$resolv" ]; then mount --bind "$resolv" "$(readlink -f /etc/resolv.conf)"; fi
  if [ -d /run/containerd ]; then mount -t tmpfs none /run/containerd; fi
  # As systemd has it on a Pi; here it is gone with the engine.
  if [ -d /sys/fs/bpf ]; then mount -t bpf none /sys/fs/bpf; fi
  exec dockerd "$@"
'

# Containers of a dockerd of ours that died without stopping them: their shims carry our socket in the command line, and see the same
# directory under that name as we do (in a container of this machine another engine may well use the same path). Ends both.
end_orphans() {
  local file shim children
  while read -r file; do
    shim=${file%/cmdline}
    if [ "$(cat "$shim/comm" 2>/dev/null)" = containerd-shim ] && [ "$shim/root$SIXGATE_RUN/$1" -ef "$SIXGATE_RUN/$1" ]; then
      read -ra children <"$shim/task/${shim#/proc/}/children" || true
      kill -KILL "${shim#/proc/}" "${children[@]}" 2>/dev/null || true
    fi
  done < <(grep -lsF -- "$SIXGATE_RUN/$1/exec/containerd/containerd.sock" /proc/[0-9]*/cmdline)
}

# start ROLE NETNS_PATH RESOLV OPTION…: starts dockerd and returns when it answers.
start() {
  local role=$1 netns=$2 resolv=$3 run=$SIXGATE_RUN/$1 pid deadline=$((SECONDS + 60)) enter=()
  shift 3
  [ -z "$netns" ] || enter=(nsenter "--net=$netns")
  end_orphans "$role"
  mkdir -p "$run" "$SIXGATE_LIB/$role"
  rm -f "$run/dockerd.pid" "$run/docker.sock"
  setsid "${enter[@]}" unshare --mount --propagation slave bash -c "$IN_NAMESPACE" "dockerd-$role" "$resolv" \
    --data-root="$SIXGATE_LIB/$role" --exec-root="$run/exec" --pidfile="$run/dockerd.pid" --host="$(socket_of "$role")" \
    --exec-opt=native.cgroupdriver=cgroupfs --cgroup-parent="/sixgate-$role" "$@" \
    >"$run/dockerd.log" 2>&1 </dev/null &
  pid=$!
  until docker --host "$(socket_of "$role")" info >/dev/null 2>&1; do
    if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$run/dockerd.log" >&2
      fail "the $role engine does not come up; its whole log: $run/dockerd.log"
    fi
    sleep 0.1
  done
}

stop() {
  local role=$1 pid deadline=$((SECONDS + 60))
  pid=$(pid_of "$role")
  if [ -z "$pid" ]; then
    end_orphans "$role"
    return
  fi
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the $role engine (pid $pid) does not stop; its log: $SIXGATE_RUN/$role/dockerd.log"
    sleep 0.1
  done
  say "$role engine stopped"
}

# Without the machine's own context, config or DOCKER_HOST in the way: is there an engine on the usual socket?
machine_engine_works() { timeout 10 docker info >/dev/null 2>&1; }

build_start() {
  if [ -n "$(pid_of build)" ]; then
    say "private build engine already runs"
  # For another platform (images.sh) the images have the names that the machine's own have: keep them apart.
  elif [ -z "${DOCKER_DEFAULT_PLATFORM:-}" ] && machine_engine_works; then
    say "this machine has a working Docker engine: images are built with it"
  else
    start build '' '' --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false
    say "private build engine started (no bridge, no firewall rules): $(socket_of build)"
  fi
}

# What an earlier run left would be started again by its restart policy, into a namespace where it does not belong.
forget_restart_policies() {
  local config
  for config in "$SIXGATE_LIB"/site/containers/*/hostconfig.json; do
    [ -e "$config" ] && sed -i 's/"RestartPolicy":{"Name":"[a-z-]*"/"RestartPolicy":{"Name":"no"/' "$config"
  done
  return 0
}

empty_site() {
  local docker=(docker --host "$(socket_of site)") ids
  mapfile -t ids < <("${docker[@]}" ps -aq)
  [ "${#ids[@]}" = 0 ] || "${docker[@]}" rm -f -v "${ids[@]}" >/dev/null
  mapfile -t ids < <("${docker[@]}" volume ls -q)
  [ "${#ids[@]}" = 0 ] || "${docker[@]}" volume rm "${ids[@]}" >/dev/null
  "${docker[@]}" network prune -f >/dev/null
}

site_start() {
  local netns=${1:?site-start needs the name of a network namespace} resolv=${2:-} path pid keep=$SIXGATE_LIB/site/keep
  path=/run/netns/$netns
  [ -e "$path" ] || fail "no network namespace \"$netns\" (ip netns list shows them; ip netns add makes one)"
  [ -n "$resolv" ] || { [ ! -e "/etc/netns/$netns/resolv.conf" ] || resolv=/etc/netns/$netns/resolv.conf; }
  [ -z "$resolv" ] || [ -r "$resolv" ] || fail "cannot read $resolv (the resolv.conf for the site engine)"
  pid=$(pid_of site)
  if [ -n "$pid" ] && [ "$(stat -Lc %i "/proc/$pid/ns/net")" = "$(stat -Lc %i "$path")" ]; then
    say "site engine already runs in $netns"
    return
  fi
  if [ -n "$pid" ]; then
    say "a site engine runs in another namespace: stopping it"
    stop site
  fi
  [ -e "$keep" ] || forget_restart_policies
  start site "$path" "$resolv"
  [ -e "$keep" ] || empty_site
  rm -f "$keep"
  say "site engine started in $netns: $(socket_of site)"
}

site_keep() {
  mkdir -p "$SIXGATE_LIB/site"
  touch "$SIXGATE_LIB/site/keep"
}

site_stop() {
  if [ "${1:-}" = --keep ]; then
    site_keep
  elif [ -n "$(pid_of site)" ]; then
    empty_site
  fi
  stop site
}

command=${1:-}
shift || true
case $command in
  *-start | *-stop | *-keep) need_root "engine.sh $command" ;;
esac
case $command in
  build-start) build_start ;;
  build-stop) stop build ;;
  build-host) [ -z "$(pid_of build)" ] || socket_of build ;;
  site-start) site_start "$@" ;;
  site-stop) site_stop "$@" ;;
  site-keep) site_keep ;;
  data) echo "$SIXGATE_LIB" ;;
  site-host) socket_of site ;;
  status) for role in build site; do pid=$(pid_of "$role"); say "$role engine: ${pid:-does not run}${pid:+ is its pid}"; done ;;
  *) fail "engine.sh \"$command\": allowed are build-start build-stop build-host site-start site-stop site-keep site-host data status" ;;
esac
