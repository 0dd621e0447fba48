import { existsSync } from 'node:fs'
import type { Namespace, Process } from '@sixgate/testkit'

/** A systemd-networkd to be a host with: this machine's, or another Debian's in a folder (deploy/machine/networkd-root.sh). */
export interface NetworkdRoot {
  /** Root of its file system, '' for this machine's. */
  readonly root: string
  /** Why it cannot be had; false: it can. */
  readonly missing: string | false
}

const DAEMON = '/usr/lib/systemd/systemd-networkd'
const TRIXIE_ROOT = `${process.env.SIXGATE_CACHE ?? '/var/cache/sixgate'}/networkd-trixie`

/** Debian 12's, version 252: knows neither PREF64 nor DNR nor captive portals. */
export const MACHINES_NETWORKD: NetworkdRoot = {
  root: '',
  missing: existsSync(DAEMON) ? false : `needs ${DAEMON} (Debian: systemd)`,
}

/** Debian 13's, version 257. */
export const TRIXIES_NETWORKD: NetworkdRoot = {
  root: TRIXIE_ROOT,
  missing: existsSync(`${TRIXIE_ROOT}/complete`) ? false : `needs ${TRIXIE_ROOT}: make networkd`,
}

/**
 * $1 root, $2 further lines of [IPv6AcceptRA]. In a mount namespace of its own: with a /sys that is read-only it does not wait
 * for udev; /run and its configuration are its own. Over D-Bus it tells what it has learnt.
 */
const RUN = `
set -e
R=$1
mount -t sysfs -o ro sysfs "$R/sys"
mount -t tmpfs tmpfs "$R/run"
mount -t tmpfs tmpfs "$R/etc/systemd"
[ -z "$R" ] || { mount -t proc proc "$R/proc"; mount --rbind /dev "$R/dev"; }
cd "$R/run"
mkdir -p dbus systemd/network systemd/netif/links systemd/netif/leases systemd/netif/lldp
cat > systemd/network/10-eth0.network <<E
[Match]
Name=eth0
[Network]
IPv6AcceptRA=yes
LinkLocalAddressing=ipv6
[IPv6AcceptRA]
DHCPv6Client=no
UseDomains=yes
$2
E
chown -R "$(sed -n 's/^systemd-network:[^:]*:\\([0-9]*\\):.*/\\1/p' "$R/etc/passwd")" systemd
if [ -n "$R" ]; then
  # Everyone may do everything: nobody else is on this bus.
  cat > bus.conf <<E
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
<allow send_type="method_call"/><allow send_type="signal"/><allow receive_type="method_call"/>
<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>
E
  chroot "$R" dbus-daemon --config-file=/run/bus.conf --nopidfile --nofork --nosyslog </dev/null >bus.log 2>&1 &
  bus=$!
  # It does not outlive this process, which becomes networkd. A parent-death signal did not reach it.
  (while kill -0 $$; do sleep 1; done; kill "$bus") </dev/null >/dev/null 2>&1 &
  while [ ! -S dbus/system_bus_socket ]; do kill -0 "$bus" || { cat bus.log >&2; exit 1; }; sleep 0.05; done
fi
SYSTEMD_LOG_LEVEL=debug exec chroot "$R/" ${DAEMON}
`

/** systemd-networkd as the one who reads Router Advertisements on `eth0` of a host. */
export class Networkd {
  readonly #host: Namespace
  readonly #root: string
  readonly process: Process

  /** `settings`: further lines of `[IPv6AcceptRA]`. */
  constructor(host: Namespace, { root }: NetworkdRoot, settings = '') {
    this.#host = host
    this.#root = root
    this.process = host.spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', RUN, 'sh', root, settings])
  }

  #inside(...command: string[]): string {
    const enter = ['--target', String(this.process.child.pid), '--mount']
    return this.#host.runSync('nsenter', ...enter, ...command).stdout
  }

  /** What it keeps of the link for others: DNS servers, domains, captive portal … as `NAME=value` lines. */
  state(): string {
    const index = this.#host.ip('-o link show dev eth0').split(':')[0] ?? ''
    return this.#inside('cat', `${this.#root}/run/systemd/netif/links/${index}`)
  }

  /** All that it knows of the link, as networkctl prints it for programs; '' while it does not answer. */
  describe(): string {
    return this.#inside('chroot', `${this.#root}/`, 'networkctl', 'status', 'eth0', '--json=short', '--lines=0')
  }
}
