#!/usr/bin/env bash
# Checks whether this machine can run the stack: what `make up` does first. Changes nothing. Says for each point what is there
# and, when it will not do, what to do about it; exits 1 when any point failed.
#
#   check-host.sh [--engine]    SIXGATE_SITE_DIR (default deploy/) has the site.yaml that names the interfaces. --engine: only what
#                               the doctor of nat44-firewall cannot see from its container (Docker, the port of NATS, SSH sessions);
#                               all else it judges itself, and here only while there is no image to run it in, with the same ways
#                               to mend it (check-host.test.ts holds them together)
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/say.sh"

# shellcheck source=deploy/machine/site-reader.sh
source "$(dirname "$0")/site-reader.sh"

SITE_FILE=${SIXGATE_SITE_DIR:-$SIXGATE_ROOT/deploy}/site.yaml
failed=0
good() { say "ok      $*"; }
note() { say "note    $*"; }
bad() { say "FAILED  $*" >&2; failed=1; }

# at_least WANTED HAVE: both dotted versions
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

check_docker() {
  local docker version
  if ! docker=$("$(dirname "$0")/docker-client.sh" 2>/dev/null); then
    bad "Docker with compose v2 and buildx: not found. Debian 12: sudo deploy/machine/packages.sh; elsewhere: Docker's own install instructions"
    return 1
  fi
  version=$("$docker" compose version --short)
  if at_least 2.20.2 "${version#v}"; then good "docker compose ${version#v}"; else
    bad "docker compose ${version#v}: 2.20.2 or later is needed (start_interval of health checks); upgrade the package docker-compose-plugin"
  fi
  if ! version=$("$docker" version --format '{{.Server.Version}}' 2>&1); then
    bad "Docker engine: $(tail -n 1 <<<"$version"). Start it (sudo systemctl start docker), or join its group (sudo usermod -aG docker $(id -un), then log in again)"
    return 1
  fi
  if at_least 25 "$version"; then good "Docker engine $version"; else
    bad "Docker engine $version: 25 or later is needed (start_interval of health checks). Debian 12: sudo deploy/machine/packages.sh after removing docker.io"
  fi
  if "$docker" info --format '{{.SecurityOptions}}' | grep -q rootless; then
    bad "this Docker engine is rootless, so its host network is not this machine's: use the engine of the system (docker context use default)"
  fi
  own_dns=$("$docker" compose --project-directory "$SIXGATE_ROOT" ps --quiet --status running dns64 2>/dev/null || true)
  own_console=$("$docker" compose --project-directory "$SIXGATE_ROOT" ps --quiet --status running console 2>/dev/null || true)
  own_nats=$("$docker" compose --project-directory "$SIXGATE_ROOT" ps --quiet --status running nats 2>/dev/null || true)
}

check_tun() {
  if [ -c /dev/net/tun ]; then good "/dev/net/tun"; else
    bad "/dev/net/tun is missing, nat64 needs it: echo tun | sudo tee /etc/modules-load.d/tun.conf && sudo modprobe tun"
  fi
}

# free_port PORT SOCKET: how to get the program with this socket (as ss shows it) off the port
free_port() {
  case $2 in
    *systemd-resolve*)
      # shellcheck disable=SC2028 # for the printf of whoever copies it
      echo "sudo mkdir -p /etc/systemd/resolved.conf.d && printf '[Resolve]\\nDNSStubListener=no\\n' | sudo tee /etc/systemd/resolved.conf.d/sixgate.conf && sudo systemctl restart systemd-resolved"
      ;;
    *dnsmasq*) echo 'sudo systemctl disable --now dnsmasq' ;;
    *named*) echo 'sudo systemctl disable --now named' ;;
    *unbound*) echo 'sudo systemctl disable --now unbound' ;;
    *) echo "sudo ss -lntup 'sport = :$1'   # names the program: stop it" ;;
  esac
}

# check_port PORT WHO OWN [HINT]: nobody but ourselves (OWN: a container of ours that runs) holds it on loopback or on every address
check_port() {
  local holder
  holder=$(ss -Hlntup "sport = :$1" | awk '$5 ~ /^(0\.0\.0\.0|\*|127\.0\.0\.1|\[::\]|\[::1\])[:%]/ { print $1, $5, $7 }' | head -n 1)
  if [ -z "$holder" ] || [ -n "$3" ]; then good "port $1 is free for $2${3:+ (which runs already)}"; else
    bad "port $1 is taken ($holder), $2 needs it: ${4:-}$(free_port "$1" "$holder")"
  fi
}

# The page of the console, unless the document says that there is none.
check_page() {
  local port
  if [ ! -r "$SITE_FILE" ] || [ "$(site_value "$SITE_FILE" console web)" = false ]; then return; fi
  port=$(site_value "$SITE_FILE" console port)
  check_port "${port:-8443}" "the console's page" "$own_console" "another console.port in site.yaml, or: "
}

check_site() {
  local lan vlan wan
  if [ ! -r "$SITE_FILE" ]; then
    bad "$SITE_FILE cannot be read: it describes the site, and the console does not start without. deploy/pi/first-boot.sh writes it, git checkout deploy/site.yaml brings back the one that ships"
    return
  fi
  lan=$(site_value "$SITE_FILE" lan interface)
  vlan=$(site_value "$SITE_FILE" lan vlan)
  wan=$(site_value "$SITE_FILE" wan interface)
  if [ -z "$lan" ]; then
    note "no lan.interface found in $SITE_FILE: sixgate config validate will say more"
  elif [ -e "/sys/class/net/$lan" ]; then good "LAN interface $lan"; else
    bad "lan.interface \"$lan\" of $SITE_FILE does not exist here; there are: $(interfaces): $(plug_in "$lan")"
  fi
  if [ -n "$vlan" ]; then
    if [ -e /proc/net/vlan/config ] || modprobe -n -q 8021q 2>/dev/null || sudo -n modprobe -n -q 8021q 2>/dev/null; then good "802.1q for VLAN $vlan"; else
      bad "lan.vlan is $vlan, but this kernel has no 802.1q: sudo modprobe 8021q   # not found: install the kernel of your distribution, or use a port without VLAN"
    fi
  fi
  if [ -n "$wan" ] && [ "$wan" != auto ] && [ ! -e "/sys/class/net/$wan" ]; then
    bad "wan.interface \"$wan\" of $SITE_FILE does not exist here; there are: $(interfaces): ip -4 route show default   # empty: check cable and DHCP"
  elif [ -z "$(ip -4 route show default)" ]; then
    note "no IPv4 default route yet: the site comes up, and reaches the internet when the uplink does"
  else good "uplink: $(ip -4 route show default | head -n 1)"; fi
}

# The interface that the IPv4 default route leaves by, or the one that the document names.
uplink() {
  local wan
  wan=$(site_value "$SITE_FILE" wan interface)
  if [ -n "$wan" ] && [ "$wan" != auto ]; then echo "$wan"; else ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p;q'; fi
}

# Default deny on the uplink: whoever works here over SSH through it would be locked out, and could not undo it.
check_ssh() {
  local address port interface
  while read -r address port; do
    interface=$(ip -o address show | awk -v want="$address" '{ split($4, parts, "/"); if (parts[1] == want) print $2 }' | head -n 1)
    if [ -z "$interface" ] || [ "$interface" != "$(uplink)" ]; then continue; fi
    if site_opens_tcp "$SITE_FILE" "$port"; then good "SSH through the uplink $interface stays open (firewall.inbound has tcp $port)"; else
      bad "somebody is logged in by SSH through the uplink $interface ($address port $port), and the firewall would lock that out. Write in $SITE_FILE, under firewall:
           inbound: [{ protocol: tcp, port: $port }]"
    fi
    return
  done < <(ssh_sessions)
}

# Lines "ADDRESS PORT" of this machine's end of SSH sessions: this one's (sudo may hide it) and any other on port 22.
ssh_sessions() {
  if [ -n "${SSH_CONNECTION:-}" ]; then awk '{ print $3, $4 }' <<<"$SSH_CONNECTION"; fi
  ss -Htn state established 'sport = :22' | awk '{ address = $3; sub(/:[0-9]+$/, "", address); gsub(/[][]|%.*|::ffff:/, "", address); print address, 22 }'
}

# Those that may be a LAN, in the order in which the kernel has found them.
interfaces() { ip -o link show | awk -F ': ' '{ sub(/@.*/, "", $2); if ($2 != "lo" && $2 != "nat64") print $2 }' | paste -sd ' '; }

# plug_in LAN
plug_in() {
  local first
  read -r first _ <<<"$(interfaces)"
  if [ -z "$first" ]; then echo 'ip link   # shows what the kernel has found: plug the interface in'; else
    echo "sed -i 's/interface: $1/interface: $first/' deploy/site.yaml   # or plug it in"
  fi
}

own_dns='' own_nats='' own_console=''
check_docker || true
if [ "${1:-}" != --engine ]; then
  check_tun
  check_port 53 dns64 "$own_dns"
  check_page
  check_site
fi
check_port 4222 nats "$own_nats"
[ ! -r "$SITE_FILE" ] || check_ssh
[ "$failed" = 0 ] || fail "this machine is not ready, see above; nothing was changed"
