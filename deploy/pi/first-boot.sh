#!/usr/bin/env bash
# The first steps on a Raspberry Pi, or on any Debian machine that becomes the gateway: looks at the network, asks what it cannot
# know, writes deploy/site.yaml, installs the Docker engine, and says what comes next. Run as root (sudo).
#
#   first-boot.sh                  asks
#   first-boot.sh --yes [FLAGS]    asks nothing: what no flag says is taken as proposed
#
#   --lan INTERFACE      the port that the IPv6-only LAN hangs on
#   --vlan NUMBER        the LAN is this VLAN (802.1q tag, 1 to 4094) on it; --untagged: the LAN has the port for itself
#   --wan INTERFACE      the port of the uplink; auto (proposed): where the IPv4 default route goes
#   --prefix PREFIX      a /64 for the LAN; auto (proposed): a random one, kept
#   --ssh-from-wan       SSH from the uplink stays open (proposed when somebody is logged in that way)
#   --no-engine          installs nothing
#   --dry-run            prints site.yaml, changes nothing
#   --site FILE          writes this file instead of deploy/site.yaml
#
# Exit status: 0 done, 1 this machine is not ready, 2 the flags are wrong. What site.yaml held before is kept beside it.
# shellcheck source=deploy/machine/say.sh
source "$(dirname "$0")/../machine/say.sh"
# shellcheck source=deploy/pi/site-writer.sh
source "$(dirname "$0")/site-writer.sh"

MACHINE="$(dirname "$0")/../machine"
lan='' vlan='' wan='' prefix='' ssh='' yes=no engine=yes dry=no
site="$SIXGATE_ROOT/deploy/site.yaml"

wrong() { printf '[first-boot] error: %s; see: head -n 21 %s\n' "$*" "$0" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --lan | --vlan | --wan | --prefix | --site)
      if [ $# -lt 2 ] || [[ $2 == --* ]]; then wrong "$1 needs a value"; fi
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    --untagged) vlan=none ;;
    --ssh-from-wan) ssh=yes ;;
    --yes) yes=yes ;;
    --no-engine) engine=no ;;
    --dry-run) dry=yes ;;
    --help | -h) sed -n '2,21s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) wrong "\"$1\" is no flag" ;;
  esac
  shift
done

# ask VARIABLE QUESTION PROPOSED: the answer, or what is proposed; what a flag said is not asked for.
ask() {
  local -n answer=$1
  [ -z "$answer" ] || return 0
  if [ "$yes" = no ]; then
    read -r -p "$2 [$3] " answer || fail "no answer: run it with --yes and flags where nobody can answer"
  fi
  answer=${answer:-$3}
}

# Ports of this machine: Ethernet, with hardware or as a namespace sees it; no loopback, bridges, tunnels, VLANs, wireless or links that lead nowhere.
ports() {
  local link name
  for link in "${SYS_NET:-/sys/class/net}"/*; do
    name=${link##*/}
    if [ "$name" = lo ] || [ -e "$link/bridge" ] || [ -e "$link/tun_flags" ] || [ -e "$link/wireless" ]; then continue; fi
    case $name in *.* | docker* | br-* | veth* | ifb* | dummy*) continue ;; esac
    if [ "$(cat "$link/type" 2>/dev/null)" = 1 ]; then echo "$name"; fi
  done
}

uplink() { ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p;q'; }

has_vlans() { [ -e /proc/net/vlan/config ] || modprobe -q 8021q 2>/dev/null; }

# Somebody is logged in through the uplink: closing it would lock them out.
ssh_through() {
  local address=${SSH_CONNECTION:-}
  address=$(awk '{ print $3 }' <<<"$address")
  [ -n "$address" ] && grep -qwF "$address" <<<"$(ip -o address show dev "$1" 2>/dev/null)"
}

check_flags() {
  if [ -n "$vlan" ] && [ "$vlan" != none ] && ! { [[ $vlan =~ ^[1-9][0-9]{0,3}$ ]] && [ "$vlan" -le 4094 ]; }; then
    wrong "--vlan \"$vlan\": must be a number from 1 to 4094"
  fi
  if [ -n "$prefix" ] && [ "$prefix" != auto ] && ! [[ $prefix =~ ^[0-9a-fA-F:]+/64$ ]]; then
    wrong "--prefix \"$prefix\": must be auto, or a /64 like fd00:1:2:3::/64"
  fi
}

# known WHAT PORT: fails when this machine has no such port.
known() {
  [[ " ${have_ports[*]} " == *" $2 "* ]] || fail "$1 \"$2\" is no port of this machine; there are: ${have_ports[*]}"
}

check_flags
[ "$dry" = yes ] || need_root "setting up a gateway"
mapfile -t have_ports < <(ports)
[ "${#have_ports[@]}" -gt 0 ] || fail "this machine has no Ethernet port (ip link shows what there is)"
up=$(uplink)
say "ports: ${have_ports[*]}; the IPv4 default route goes ${up:+through }${up:-nowhere yet}" >&2

ask wan "Which port has the uplink (auto: where the default route goes)?" auto
[ "$wan" = auto ] || known --wan "$wan"
real_wan=$wan
[ "$wan" != auto ] || real_wan=$up
# A port that is not the uplink is the LAN's own; with one port alone the LAN is a VLAN on it.
other=$(printf '%s\n' "${have_ports[@]}" | grep -vxF "${real_wan:-none}" | head -n 1 || true)
ask lan "Which port does the IPv6-only LAN hang on?" "${other:-${have_ports[0]}}"
known --lan "$lan"
if [ "$lan" = "$real_wan" ]; then
  ask vlan "The uplink is on $lan too, so the LAN is a VLAN on it. Its number?" 2
  [ "$vlan" != none ] || fail "$lan has the uplink: a LAN without a VLAN needs a port of its own (--lan), or a VLAN (--vlan 2)"
else
  ask vlan "Is the LAN a VLAN on $lan (its number), or has it the port for itself (none)?" none
fi
check_flags
if [ "$vlan" != none ] && ! has_vlans; then
  fail "this kernel has no 802.1q (module 8021q), which VLAN $vlan needs: install the kernel of your distribution, or use a second port"
fi
ask prefix "The LAN's prefix (auto: a random one of your own, kept)?" auto
check_flags
if [ -z "$ssh" ] && [ -n "$real_wan" ] && ssh_through "$real_wan"; then
  ask ssh "You are logged in through the uplink $real_wan, which the firewall closes. Keep SSH open there (yes, no)?" yes
fi

draft=$(mktemp)
trap 'rm -f "$draft"' EXIT
write_site "$SIXGATE_ROOT/deploy/site.yaml" "$lan" "$vlan" "$wan" "$prefix" "${ssh:-no}" >"$draft"
if [ "$dry" = yes ]; then
  cat "$draft"
  exit 0
fi
if [ "$engine" = yes ]; then
  "$MACHINE/packages.sh" --engine
  # The script above leaves engines stopped, for machines that only build.
  if have systemctl && [ -d /run/systemd/system ]; then step "starting Docker" systemctl enable --now docker; fi
fi
if [ -e "$site" ] && ! cmp -s "$draft" "$site"; then
  cp -p "$site" "$site.before"
  say "what $site held before is in $site.before"
fi
# Written over, so that the file keeps its owner.
cat "$draft" >"$site"
say "wrote $site: LAN on $lan$([ "$vlan" = none ] || echo ", VLAN $vlan"), uplink $wan, prefix $prefix"
say "next: make up. It checks this machine, builds, starts, and says how the site is"
