import { lanLinkNames, type Site } from '@sixgate/site'
import type { Check } from '@sixgate/obs/checks'
import type { HostReport, PortHolder } from './host-report.ts'
import { documentChecks } from './document-checks.ts'

const ok = (id: string, found: string): Check => ({ id, state: 'ok', found })
const note = (id: string, found: string, fix?: string): Check => ({
  id,
  state: 'note',
  found,
  ...(fix === undefined ? {} : { fix }),
})
const bad = (id: string, found: string, fix: string): Check => ({ id, state: 'bad', found, fix })

const capabilities = ({ capabilities: { netAdmin, netRaw }, filters }: HostReport): Check => {
  const recreate =
    'docker compose up --detach --force-recreate nat44-firewall   # with the cap_add of docker-compose.yml'
  if (!netAdmin) return bad('capabilities', 'CAP_NET_ADMIN is missing', recreate)
  const needsRaw = filters.some(({ backend }) => backend === 'legacy')
  if (needsRaw && !netRaw) return bad('capabilities', 'CAP_NET_RAW is missing, iptables-legacy needs it', recreate)
  return ok('capabilities', netRaw ? 'NET_ADMIN and NET_RAW' : 'NET_ADMIN')
}

const nft = ({ nftProblem, missingOptions }: HostReport): Check => {
  if (nftProblem !== undefined) return bad('kernel', nftProblem, 'sudo modprobe -a nf_tables nft_masq nft_reject_inet')
  if (missingOptions.length > 0)
    return bad(
      'kernel',
      `this kernel lacks ${missingOptions.join(', ')}`,
      'sudo apt-get install --reinstall "linux-image-$(uname -r)" && sudo reboot   # the kernels of Debian and Raspberry Pi OS have them all',
    )
  return ok('kernel', 'nftables with everything that the rules need')
}

const forwarding = ({ isRunning, sysctls }: HostReport): Check => {
  const { ipForward, ip6Forward, isWritable } = sysctls
  if (!isWritable)
    return bad(
      'forwarding',
      'the sysctls cannot be written from here',
      'docker compose up --detach --force-recreate nat44-firewall   # with the volume /proc/sys/net of docker-compose.yml',
    )
  const found = `ip_forward ${ipForward ?? 'unknown'}, IPv6 forwarding ${ip6Forward ?? 'none: no IPv6'}`
  if (ip6Forward === undefined)
    return bad(
      'forwarding',
      found,
      'sudo sed -i "s/ ipv6.disable=1//" /boot/firmware/cmdline.txt /etc/default/grub; sudo reboot',
    )
  if (isRunning && (ipForward !== '1' || ip6Forward !== '1'))
    return bad('forwarding', found, 'docker compose logs --tail 20 nat44-firewall   # says why it is not switched on')
  return ok('forwarding', isRunning ? found : `${found}; switched on once the rules stand`)
}

const acceptRa = ({ sysctls, isRunning }: HostReport): Check => {
  const [first] = [...sysctls.acceptRa].filter(([, value]) => value === '1')
  if (first === undefined) return ok('accept-ra', 'no uplink would lose its IPv6 default route by forwarding')
  const [link] = first
  return isRunning
    ? bad(
        'accept-ra',
        `${link} lives by Router Advertisements with accept_ra 1`,
        `sudo sysctl -w net.ipv6.conf.${link}.accept_ra=2`,
      )
    : note('accept-ra', `${link} lives by Router Advertisements; accept_ra becomes 2 before forwarding is set`)
}

const docker = ({ filters, engine, foreignDrops, isRunning }: HostReport): Check => {
  const dropping = filters.filter(({ target }) => target !== undefined)
  const found = filters.map(
    ({ tool, policy, target }) => `${tool}: FORWARD ${policy}${target === undefined ? '' : `, accepts in ${target}`}`,
  )
  const missing = dropping.filter((filter) => filter.missing > 0)
  if (isRunning && missing.length > 0)
    return bad(
      'docker',
      `accepts of the site are missing: ${missing.map(({ tool }) => tool).join(', ')}`,
      'docker compose restart nat44-firewall',
    )
  const [foreign] = foreignDrops
  if (foreign !== undefined)
    return note(
      'docker',
      `nft chain ${foreign} drops what it does not know`,
      `sudo nft list chain ${foreign}   # should let the links of the site pass`,
    )
  const backend = engine === undefined ? 'no rules of a Docker engine' : `Docker's backend is ${engine}`
  return ok('docker', [backend, ...(found.length === 0 ? ['no iptables table filters here'] : found)].join('; '))
}

const flavours = ({ filters }: HostReport): Check => {
  const backends = new Set(filters.map(({ backend }) => backend))
  if (backends.size < 2)
    return ok('iptables', backends.size === 0 ? 'no tables of iptables' : `one flavour: ${[...backends].join()}`)
  return note(
    'iptables',
    'tables of iptables-legacy and of iptables-nft side by side: every packet has to pass both',
    'sudo iptables-legacy-save | sudo iptables-nft-restore -n && sudo iptables-legacy -P FORWARD ACCEPT && sudo iptables-legacy -F',
  )
}

const bridge = ({ sysctls: { bridgeNf }, links, site }: HostReport): Check => {
  if (!bridgeNf.ip4 && !bridgeNf.ip6) return ok('bridge-nf', 'frames that a bridge carries do not pass iptables')
  const lans = typeof site === 'string' ? [] : [site.lan, ...site.lans].map((lan) => lan.interface)
  const bridged = links.find(({ name, isBridge }) => isBridge && lans.includes(name))
  return bridged === undefined
    ? ok('bridge-nf', 'frames that a bridge carries pass iptables; the LAN is no bridge')
    : note(
        'bridge-nf',
        `frames within the LAN bridge ${bridged.name} pass iptables, and IPv4 ones may be dropped there`,
        'sudo sysctl -w net.bridge.bridge-nf-call-iptables=0',
      )
}

const tun = ({ tun: hasTun }: HostReport): Check =>
  hasTun === false
    ? bad(
        'tun',
        '/dev/net/tun is missing, nat64 needs it',
        'echo tun | sudo tee /etc/modules-load.d/tun.conf && sudo modprobe tun',
      )
    : ok('tun', hasTun === undefined ? 'cannot be seen from here' : '/dev/net/tun is there')

/** Names by which the usual holders of the port are known. */
const FREE_PORT: readonly (readonly [sign: RegExp, fix: string])[] = [
  [
    /systemd-resolve|^127\.0\.0\.5[34]$/,
    "sudo mkdir -p /etc/systemd/resolved.conf.d && printf '[Resolve]\\nDNSStubListener=no\\n' | sudo tee /etc/systemd/resolved.conf.d/sixgate.conf && sudo systemctl restart systemd-resolved",
  ],
  [/dnsmasq/, 'sudo systemctl disable --now dnsmasq'],
  [/named/, 'sudo systemctl disable --now named'],
  [/unbound/, 'sudo systemctl disable --now unbound'],
]
const FIND_HOLDER = "sudo ss -lntup 'sport = :53'   # names the program: stop it"

/** Where a socket is in the way of one on loopback, or of one on every address. */
const isInTheWay = ({ address }: PortHolder): boolean => /^(0\.0\.0\.0|::|127\.0\.0\.1|::1)$/.test(address)

const showHolder = ({ address, program }: PortHolder): string =>
  `${address}${program === undefined ? '' : ` (${program})`}`

/** Of a port that nobody keeps from `service`, or that it has: whose a socket is, is not seen out of a container, but who does not get it reports that. */
const foundAt = (holders: readonly PortHolder[], isRunning: boolean, service: 'dns64' | 'console'): string => {
  if (holders.length === 0) return 'free'
  const where = `in use at ${holders.map(showHolder).join(', ')}`
  return isRunning
    ? `${where}; ${service} has what it needs of it, or its line here says why not`
    : `${where}: not in the way of ${service}`
}

/** The console takes it on the gateway's address and on loopback. */
const portOfPage = ({ webPort, isRunning }: HostReport): readonly Check[] => {
  if (webPort === undefined) return []
  const { port, holders } = webPort
  const taken = holders.filter(isInTheWay)
  if (taken.length === 0 || isRunning) return [ok('port-page', `${port}: ${foundAt(holders, isRunning, 'console')}`)]
  const fix = `another console.port in site.yaml, or: sudo ss -lntp 'sport = :${port}'   # names the program: stop it`
  return [
    bad('port-page', `${port}: taken: ${taken.map(showHolder).join(', ')}; the page of the console needs it`, fix),
  ]
}

/** dns64 takes the router's address and loopback; the stub of systemd-resolved (127.0.0.53) is not in its way. */
const port53 = ({ port53: holders, isRunning }: HostReport): Check => {
  const inTheWay = holders.filter(isInTheWay)
  const [first] = inTheWay
  if (first === undefined || isRunning) return ok('port-53', foundAt(holders, isRunning, 'dns64'))
  const signs = inTheWay.flatMap(({ address, program }) => [address, program ?? ''])
  const [, fix = FIND_HOLDER] = FREE_PORT.find(([sign]) => signs.some((text) => sign.test(text))) ?? []
  return bad('port-53', `taken: ${inTheWay.map(showHolder).join(', ')}; dns64 needs it`, fix)
}

/** No earlier time can be right: the program was written then. */
const EARLIEST_MS = 1_793_491_200_000 // 2026-11-01T00:00:00Z

const clock = ({ clock: { unixMs, text, isSynchronised } }: HostReport): Check => {
  const fix = 'sudo timedatectl set-ntp true'
  if (unixMs < EARLIEST_MS) return bad('clock', `${text} cannot be: lifetimes and times of day would be wrong`, fix)
  if (isSynchronised === false) return note('clock', `${text}, but nothing keeps the clock right`, fix)
  return ok('clock', isSynchronised === true ? `${text}, kept right` : text)
}

const MEGABYTE = 1_000_000
const LITTLE_DISK_BYTES = 100 * MEGABYTE

const disk = ({ disk: found }: HostReport): Check => {
  if (typeof found === 'string') return bad('disk', found, 'sudo mount -o remount,rw /')
  const text = `${Math.floor(found.freeBytes / MEGABYTE)} of ${Math.floor(found.sizeBytes / MEGABYTE)} MB free at ${found.path}`
  return found.freeBytes < LITTLE_DISK_BYTES ? bad('disk', text, 'docker system prune --force') : ok('disk', text)
}

const FULL_SHARE = 0.9

const conntrack = ({ conntrack: { entries, max } }: HostReport): Check =>
  max > 0 && entries >= max * FULL_SHARE
    ? bad('conntrack', `${entries} of ${max} flows`, `sudo sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`)
    : ok('conntrack', max === 0 ? 'follows nothing yet' : `${entries} of ${max} flows`)

/** A matter of speed alone, so never anything to be mended. */
const flowtable = ({ flowtable: found, site }: HostReport): Check => {
  if (typeof site !== 'string' && site.firewall.flowtable === 'off')
    return ok('flowtable', 'none: firewall.flowtable is off')
  if (found === undefined) return ok('flowtable', 'not tried: the links of the site are not here')
  const links = found.links.join(', ')
  return ok(
    'flowtable',
    found.isTaken
      ? `this kernel takes one on ${links}: flows that last skip the rules, unless blocks or rules of your own have to see them`
      : `this kernel takes none on ${links}: every packet passes the rules`,
  )
}

/** Whoever looks after links on this host (NetworkManager, systemd-networkd, dhclient) asks for an address. */
const askForAddress = (name: string): string =>
  `sudo ip link set ${name} up && { sudo nmcli device connect ${name} || sudo networkctl reconfigure ${name} || sudo dhclient -v ${name}; }`

/** Links of containers and tunnels, which lead to no provider. */
const NO_UPLINK = /^(lo$|docker|br-|veth|virbr|wg|tun|tap|sit|gre|ip6|ip_vti|erspan|dummy|nat64$)/

/** What mends an uplink that is not there, or has no default route. */
const mendUplink = ({ site, links, uplinks, uplinkProblem }: HostReport): string => {
  const lans = typeof site === 'string' ? [] : lanLinkNames(site)
  if (uplinkProblem?.code === 'wan-is-lan') return `sudo ip -4 route del default dev ${uplinkProblem.link}`
  const wanted = typeof site === 'string' ? 'auto' : site.wan.interface
  if (wanted !== 'auto' && links.every(({ name }) => name !== wanted))
    return `sed -i '/^wan:/,/interface:/s/interface: ${wanted}/interface: auto/' deploy/site.yaml   # or plug it in`
  const name = [...uplinks, ...links.map((link) => link.name)].find(
    (link) => !NO_UPLINK.test(link) && !lans.includes(link),
  )
  return name === undefined ? 'ip link   # shows what the kernel has found: plug the uplink in' : askForAddress(name)
}

const uplink = (report: HostReport): Check => {
  const { uplinks, uplinkProblem, links } = report
  if (uplinkProblem !== undefined) return bad('uplink', uplinkProblem.message, mendUplink(report))
  const bare = uplinks.find(
    (name) => !links.some((link) => link.name === name && link.networks.some(({ family }) => family === 4)),
  )
  if (bare !== undefined) return bad('uplink', `${bare} has no IPv4 address`, askForAddress(bare))
  return ok('uplink', uplinks.join(', '))
}

/** All checks, in the order in which they should be mended. Pure. */
export const checksOf = (report: HostReport): readonly Check[] => {
  const site: Site | undefined = typeof report.site === 'string' ? undefined : report.site
  return [
    typeof report.site === 'string'
      ? bad('document', report.site, 'docker compose run --rm --no-deps console sixgate config validate')
      : ok('document', 'the site document is a good one'),
    capabilities(report),
    nft(report),
    tun(report),
    ...(site === undefined ? [] : documentChecks(site, report)),
    uplink(report),
    forwarding(report),
    acceptRa(report),
    docker(report),
    flavours(report),
    bridge(report),
    port53(report),
    ...portOfPage(report),
    conntrack(report),
    flowtable(report),
    clock(report),
    disk(report),
  ]
}
