#!/usr/bin/env bash
# Installs what this machine lacks for building, the demo and the tests. The one list of packages is here.
#
#   packages.sh           engine, compose v2, buildx, and every tool below
#   packages.sh --list    prints what would be installed, installs nothing
#   packages.sh --engine  engine, compose v2, buildx, and the little that `make up` needs: for a gateway that only runs
#   packages.sh --vm      all that, and what boots virtual machines (e2e/vm)
#   packages.sh --emulation all that, and what runs programs of another processor (emulation.sh)
#   packages.sh --browser all that, and the browser that tests the console's page
#
# A command that exists is never replaced, a working Docker engine is left alone. On Debian 12 the engine,
# NATS, promtool and qemu-user come from Debian 13 (trixie), QEMU from bookworm-backports (7.2 of Debian 12 corrupts memory of guests), both pinned at 100, so
# that nothing else is upgraded. No service that is installed here gets started:
# the engines of the demo are private ones (engine.sh), and the network of this machine stays as it is.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

# command=package: installed when the command (or the file, when it has a /) is missing
TOOLS=(
  # network namespaces and the firewall
  ip=iproute2 nsenter=util-linux mount=mount iptables=iptables nft=nftables ping=iputils-ping
  # base images, downloads
  mmdebstrap=mmdebstrap git=git curl=curl xz=xz-utils
  # npm brings some Node to run itself with; Node 26 comes from npm and needs libatomic
  npm=npm '/usr/lib/*/libatomic.so.1=libatomic1'
  # what the demo's client runs, what the tests look with
  dig=bind9-dnsutils rdisc6=ndisc6 iperf3=iperf3 traceroute=traceroute
  tcpdump=tcpdump conntrack=conntrack ethtool=ethtool shellcheck=shellcheck nats-server=nats-server
  # another router and another kind of host for ra-advertiser
  radvd=radvd /lib/systemd/systemd-networkd=systemd
  # nat64's FTP and SIP gateways: a server that speaks IPv4 only, clients, a SIP phone
  vsftpd=vsftpd lftp=lftp sipp=sip-tester openssl=openssl
  # nat64's eBPF program
  clang=clang
  # shells that the console's completion is read by
  zsh=zsh fish=fish
  # the console's metrics and alert rules are checked by Prometheus' own tool
  promtool=promtool
  # what bench-nat64 compares with
  tayga=tayga
  # what bench-dns64 compares with and measures by; bind9 is also the name server of its internet
  named=bind9 unbound=unbound dnsperf=dnsperf
)
# What a gateway needs beside the engine.
ENGINE_TOOLS=(ip=iproute2 ss=iproute2 make=make git=git)
# What e2e/vm needs: emulators of both architectures, disks and initial RAM disks.
VM_TOOLS=(qemu-system-x86_64=qemu-system-x86 qemu-system-aarch64=qemu-system-arm mkfs.ext4=e2fsprogs cpio=cpio depmod=kmod)

# The first docker on the PATH that knows compose v2 and buildx (a lone client may know neither).
docker_complete() {
  local docker
  docker=$("$(dirname "$0")/docker-client.sh" 2>/dev/null) && [ -n "$docker" ]
}

present() {
  case $1 in
    */*) compgen -G "$1" >/dev/null ;;
    *) have "$1" ;;
  esac
}

missing_packages() {
  local pair
  for pair in "${TOOLS[@]}"; do
    present "${pair%%=*}" || echo "${pair#*=}"
  done
  # A client of another origin is no engine: dockerd is what counts.
  have dockerd || echo docker.io
  docker_complete || printf '%s\n' docker-cli docker-compose docker-buildx
}

# Debian 12 has engine 20.10, no compose v2, NATS 2.9 and promtool in a package with a server: these come from trixie; QEMU that needs no newer libc from its backports.
with_suite() {
  local package
  for package in "$@"; do
    case $package in
      docker* | nats-server | promtool | qemu-user) echo "$package$TRIXIE" ;;
      qemu-* | seabios) echo "$package$BACKPORTS" ;;
      *) echo "$package" ;;
    esac
  done
}

update_lists() { apt-get update -q -o DPkg::Lock::Timeout=300 "$@"; }

# add_source SUITE WHAT: a suite of Debian beside the machine's own, whose lists are needed, to take the mirror from them.
add_source() {
  local suite=$1 what=$2 mirror file=/etc/apt/sources.list.d/sixgate-$1.sources
  [ -e "$file" ] && return
  mirror=$("$(dirname "$0")/debian-mirror.sh")
  [ -n "$mirror" ] || fail "apt has no source of Debian's own, so they are not to be had from it: install $what by hand, then run this again"
  say "adding $suite as a source of $what, pinned at 100: $file"
  printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$suite" >"/etc/apt/preferences.d/sixgate-$suite"
  cat >"$file" <<-SOURCES
	Types: deb
	URIs: $mirror
	Suites: $suite
	Components: main
	Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	SOURCES
  step "apt-get update ($suite)" update_lists -o "Dir::Etc::sourcelist=$file" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
}

# Nothing installed here may start by itself (policy-rc.d, 101 = not allowed): a dockerd of the machine would change its network.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' RETURN
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

[ "${1:-}" != --engine ] || TOOLS=("${ENGINE_TOOLS[@]}")
[ "${1:-}" != --vm ] || TOOLS+=("${VM_TOOLS[@]}")
[ "${1:-}" != --emulation ] || TOOLS+=(qemu-aarch64=qemu-user arch-test=arch-test)
[ "${1:-}" != --browser ] || TOOLS+=(chromium=chromium)
mapfile -t packages < <(missing_packages)
if [ "${1:-}" = --list ]; then
  printf '%s\n' "${packages[@]}"
  exit
fi
if [ "${#packages[@]}" = 0 ]; then
  say "everything is installed"
  exit
fi
need_root "installing ${packages[*]}"
have apt-get || fail "apt-get is missing: this works on Debian 12 and later and on Raspberry Pi OS; elsewhere install by hand: ${packages[*]}"
step "apt-get update" update_lists
TRIXIE='' BACKPORTS=''
# shellcheck source=/dev/null
if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ]; then
  if [[ " ${packages[*]} " == *" docker"* || " ${packages[*]} " == *" nats-server "* || " ${packages[*]} " == *" qemu-user "* || " ${packages[*]} " == *" promtool "* ]]; then
    add_source trixie "Docker, NATS, promtool and qemu-user"
    TRIXIE=/trixie
  fi
  if [[ " ${packages[*]} " == *" qemu-system"* ]]; then
    add_source bookworm-backports QEMU
    BACKPORTS=/bookworm-backports
    # apt would take these from bookworm, where they do not fit.
    packages+=(qemu-system-common qemu-system-data seabios)
  fi
fi
mapfile -t chosen < <(with_suite "${packages[@]}")
say "missing here: ${chosen[*]}"
step "apt-get install" install_quietly "${chosen[@]}"
docker_complete || fail "no docker client with compose v2 and buildx after installing; see: docker compose version; docker buildx version"
