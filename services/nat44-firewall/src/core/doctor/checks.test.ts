import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePrefix4, parsePrefix6 } from '@sixgate/addr'
import { type Check, renderChecks } from '@sixgate/obs'
import { testSite } from '../../testkit/scenarios.ts'
import { checksOf } from './checks.ts'
import type { HostLink, HostReport } from './host-report.ts'
import { parseListeners } from './listeners.ts'

const network = (text: string) => parsePrefix4(text) ?? parsePrefix6(text) ?? assert.fail(text)
const link = (name: string, changes: Partial<HostLink> = {}): HostLink => ({
  name,
  mtuBytes: 1500,
  isUp: true,
  isBridge: false,
  networks: [],
  ...changes,
})

const WELL: HostReport = {
  isRunning: true,
  site: testSite(),
  links: [link('lan0'), link('wan0', { networks: [network('203.0.113.0/24')] })],
  uplinks: ['wan0'],
  uplinkProblem: undefined,
  sysctls: {
    ipForward: '1',
    ip6Forward: '1',
    acceptRa: new Map(),
    bridgeNf: { ip4: false, ip6: false },
    isWritable: true,
  },
  filters: [],
  engine: 'iptables-nft',
  foreignDrops: [],
  nftProblem: undefined,
  missingOptions: [],
  capabilities: { netAdmin: true, netRaw: true },
  tun: true,
  has8021q: true,
  port53: [],
  webPort: { port: 8443, holders: [] },
  clock: { unixMs: Date.UTC(2027, 0, 1), text: '2027-01-01T00:00:00Z', isSynchronised: true },
  disk: { path: '/var/lib/sixgate', freeBytes: 5e9, sizeBytes: 3e10 },
  flowtable: { links: ['lan0', 'wan0'], isTaken: false },
  conntrack: { entries: 10, max: 65_536 },
}
const STOPPED: HostReport = { ...WELL, isRunning: false }

const sysctls = (changes: Partial<HostReport['sysctls']>): Partial<HostReport> => ({
  sysctls: { ...WELL.sysctls, ...changes },
})
/** The LAN, and one more. */
const TWO_LANS = testSite({ lans: [{ interface: 'lan1', prefix: 'fd00:1:2:4::/64', ra: { linkMtu: 1400 } }] })
const withLan1 = (changes: Partial<HostLink> = {}): Partial<HostReport> => ({
  site: TWO_LANS,
  links: [...WELL.links, link('lan1', changes)],
})
const drop = { tool: 'iptables-nft', backend: 'nft', policy: 'DROP', target: 'DOCKER-USER', missing: 0 } as const
const legacy = { ...drop, tool: 'iptables-legacy', backend: 'legacy' } as const
const at53 = (address: string, program?: string) => ({ port53: [{ address, program }] })

const onPagePort = (address: string, program?: string) => ({ webPort: { port: 9443, holders: [{ address, program }] } })

/** What is different, which check says so, how bad it is, what it found, and what mends it. */
const CASES: readonly (readonly [
  what: string,
  base: HostReport,
  changes: Partial<HostReport>,
  id: string,
  state: Check['state'],
  found: RegExp,
  fix: RegExp | undefined,
])[] = [
  [
    'a mistake in the document',
    STOPPED,
    { site: 'site.yaml:5: no' },
    'document',
    'bad',
    /site\.yaml:5/,
    /config validate/,
  ],
  [
    'no NET_ADMIN',
    STOPPED,
    { capabilities: { netAdmin: false, netRaw: true } },
    'capabilities',
    'bad',
    /NET_ADMIN/,
    /force-recreate/,
  ],
  [
    'no NET_RAW, but iptables-legacy',
    STOPPED,
    { capabilities: { netAdmin: true, netRaw: false }, filters: [legacy] },
    'capabilities',
    'bad',
    /NET_RAW/,
    /force-recreate/,
  ],
  [
    'a kernel without an option',
    STOPPED,
    { missingOptions: ['CONFIG_NFT_MASQ'] },
    'kernel',
    'bad',
    /CONFIG_NFT_MASQ/,
    /linux-image/,
  ],
  ['no nft', STOPPED, { nftProblem: 'nft is not installed' }, 'kernel', 'bad', /not installed/, /modprobe/],
  ['no TUN', STOPPED, { tun: false }, 'tun', 'bad', /\/dev\/net\/tun is missing/, /modprobe tun/],
  ['TUN cannot be seen', STOPPED, { tun: undefined }, 'tun', 'ok', /cannot be seen/, undefined],
  [
    'no such LAN interface',
    STOPPED,
    { links: [link('lo'), link('eth7')] },
    'lan',
    'bad',
    /"lan0" is not here; there are eth7/,
    /sed .*eth7/,
  ],
  [
    'a VLAN without 802.1q',
    STOPPED,
    { site: testSite({ lan: { vlan: 2 } }), has8021q: false },
    'lan',
    'bad',
    /no 802\.1q/,
    /modprobe 8021q/,
  ],
  [
    'a LAN port that is off',
    STOPPED,
    { links: [link('lan0', { isUp: false })] },
    'lan',
    'note',
    /switched off/,
    /ip link set lan0 up/,
  ],
  ['two LANs', STOPPED, withLan1(), 'lan', 'ok', /^lan0 on lan0; lan1 on lan1$/, undefined],
  [
    'no interface for a further LAN',
    STOPPED,
    { site: TWO_LANS },
    'lan',
    'bad',
    /lans\[0\]\.interface "lan1" is not here/,
    /sed .*lan1/,
  ],
  [
    'a further LAN on a VLAN without 802.1q',
    STOPPED,
    { site: testSite({ lans: [{ interface: 'lan0', vlan: 7, prefix: 'fd00:1:2:4::/64' }] }), has8021q: false },
    'lan',
    'bad',
    /lans\[0\]\.vlan is 7, but this kernel has no 802\.1q/,
    /modprobe 8021q/,
  ],
  [
    'a further LAN that is off',
    STOPPED,
    withLan1({ isUp: false }),
    'lan',
    'note',
    /lan1 is switched off/,
    /ip link set lan1 up/,
  ],
  [
    'the prefix of a further LAN is the one of the uplink',
    STOPPED,
    { site: TWO_LANS, links: [link('lan0'), link('wan0', { networks: [network('fd00:1:2:4::/64')] })] },
    'prefixes',
    'bad',
    /lans\[0\]\.prefix fd00:1:2:4::\/64 overlaps/,
    /edit lans\[0\]\.prefix/,
  ],
  ['the MTUs of two LANs', STOPPED, withLan1(), 'mtu', 'ok', /^lan0 1500; lan1 1500, wan0 1500$/, undefined],
  [
    'hosts of a further LAN are told more than fits',
    STOPPED,
    withLan1({ mtuBytes: 1300 }),
    'mtu',
    'bad',
    /lan1 1300, but lans\[0\]\.ra\.linkMtu tells hosts 1400/,
    /lan1 mtu 1400/,
  ],
  [
    'the bridge of a further LAN passes iptables',
    STOPPED,
    { ...withLan1({ isBridge: true }), ...sysctls({ bridgeNf: { ip4: true, ip6: false } }) },
    'bridge-nf',
    'note',
    /LAN bridge lan1/,
    /bridge-nf-call-iptables=0/,
  ],
  [
    'the pool is the network of the uplink',
    STOPPED,
    { links: [link('lan0'), link('wan0', { networks: [network('198.18.7.0/24')] })] },
    'prefixes',
    'bad',
    /nat64\.pool4 198\.18\.0\.0\/16 overlaps 198\.18\.7\.0\/24 of the uplink wan0/,
    /sed .*198\.19\.0\.0/,
  ],
  [
    'the LAN prefix is the one of the uplink',
    STOPPED,
    { links: [link('lan0'), link('wan0', { networks: [network('fd00:1:2:3::/64')] })] },
    'prefixes',
    'bad',
    /lan\.prefix fd00:1:2:3::\/64/,
    /edit lan\.prefix/,
  ],
  [
    'an MTU below IPv6',
    STOPPED,
    { links: [link('lan0', { mtuBytes: 1200 })] },
    'mtu',
    'bad',
    /lan0 1200: IPv6 needs 1280/,
    /mtu 1500/,
  ],
  [
    'hosts are told more than fits',
    STOPPED,
    { site: testSite({ ra: { linkMtu: 9000 } }) },
    'mtu',
    'bad',
    /ra\.linkMtu tells hosts 9000/,
    /mtu 9000/,
  ],
  [
    'no default route',
    STOPPED,
    {
      uplinks: [],
      uplinkProblem: { code: 'wan-missing', message: 'no default route' },
      links: ['lo', 'lan0', 'docker0', 'veth1', 'nat64', 'eth3', 'eth4'].map((name) => link(name)),
    },
    'uplink',
    'bad',
    /no default route/,
    /^sudo ip link set eth3 up && .*nmcli device connect eth3 \|\| .* dhclient -v eth3/,
  ],
  [
    'no default route, an uplink of before',
    STOPPED,
    { uplinks: ['wan0'], uplinkProblem: { code: 'wan-missing', message: 'no default route' } },
    'uplink',
    'bad',
    /no default route/,
    /ip link set wan0 up/,
  ],
  [
    'nothing but the LAN',
    STOPPED,
    { uplinks: [], uplinkProblem: { code: 'wan-missing', message: 'no' }, links: [link('lo'), link('lan0')] },
    'uplink',
    'bad',
    /no/,
    /plug the uplink in/,
  ],
  [
    'an uplink by a name that is not there',
    STOPPED,
    {
      site: testSite({ wan: { interface: 'eth9' } }),
      uplinks: ['eth9'],
      uplinkProblem: { code: 'wan-missing', message: 'no link "eth9"' },
    },
    'uplink',
    'bad',
    /eth9/,
    /^sed -i '\/\^wan:.*s\/interface: eth9\/interface: auto\//,
  ],
  [
    'the default route leads to the LAN',
    STOPPED,
    { uplinks: [], uplinkProblem: { code: 'wan-is-lan', message: 'leads to "lan0"', link: 'lan0' } },
    'uplink',
    'bad',
    /leads to "lan0"/,
    /^sudo ip -4 route del default dev lan0$/,
  ],
  [
    'an uplink without address',
    STOPPED,
    { links: [link('lan0'), link('wan0')] },
    'uplink',
    'bad',
    /wan0 has no IPv4 address/,
    /networkctl reconfigure wan0 \|\| sudo dhclient -v wan0/,
  ],
  [
    'forwarding is off, not started',
    STOPPED,
    sysctls({ ipForward: '0' }),
    'forwarding',
    'ok',
    /switched on once the rules stand/,
    undefined,
  ],
  ['forwarding is off, running', WELL, sysctls({ ip6Forward: '0' }), 'forwarding', 'bad', /IPv6 forwarding 0/, /logs/],
  [
    'no IPv6 in the kernel',
    STOPPED,
    sysctls({ ip6Forward: undefined }),
    'forwarding',
    'bad',
    /no IPv6/,
    /ipv6\.disable/,
  ],
  [
    'sysctls that cannot be written',
    STOPPED,
    sysctls({ isWritable: false }),
    'forwarding',
    'bad',
    /cannot be written/,
    /volume/,
  ],
  [
    'an uplink that lives by RAs, not started',
    STOPPED,
    sysctls({ acceptRa: new Map([['wan0', '1']]) }),
    'accept-ra',
    'note',
    /becomes 2/,
    undefined,
  ],
  [
    'an uplink that lives by RAs, running',
    WELL,
    sysctls({ acceptRa: new Map([['wan0', '1']]) }),
    'accept-ra',
    'bad',
    /accept_ra 1/,
    /wan0\.accept_ra=2/,
  ],
  [
    'Docker drops, accepts stand',
    WELL,
    { filters: [drop] },
    'docker',
    'ok',
    /FORWARD DROP, accepts in DOCKER-USER/,
    undefined,
  ],
  [
    'Docker drops, accepts are missing',
    WELL,
    { filters: [{ ...drop, missing: 3 }] },
    'docker',
    'bad',
    /missing: iptables-nft/,
    /restart nat44-firewall/,
  ],
  [
    'Docker drops, not started',
    STOPPED,
    { filters: [{ ...drop, missing: 3 }] },
    'docker',
    'ok',
    /FORWARD DROP/,
    undefined,
  ],
  [
    'firewalld',
    WELL,
    { foreignDrops: ['inet firewalld filter_FORWARD'] },
    'docker',
    'note',
    /firewalld/,
    /nft list chain inet firewalld/,
  ],
  [
    'both flavours of iptables',
    WELL,
    { filters: [drop, legacy] },
    'iptables',
    'note',
    /side by side/,
    /iptables-legacy-save/,
  ],
  [
    'a LAN bridge that passes iptables',
    WELL,
    {
      ...sysctls({ bridgeNf: { ip4: true, ip6: true } }),
      links: [link('lan0', { isBridge: true }), ...WELL.links.slice(1)],
    },
    'bridge-nf',
    'note',
    /LAN bridge lan0/,
    /bridge-nf-call-iptables=0/,
  ],
  [
    'bridge-nf without LAN bridge',
    WELL,
    sysctls({ bridgeNf: { ip4: true, ip6: true } }),
    'bridge-nf',
    'ok',
    /LAN is no bridge/,
    undefined,
  ],
  [
    'dnsmasq on port 53',
    STOPPED,
    at53('0.0.0.0', 'dnsmasq'),
    'port-53',
    'bad',
    /0\.0\.0\.0 \(dnsmasq\)/,
    /disable --now dnsmasq/,
  ],
  ['somebody on port 53', STOPPED, at53('::'), 'port-53', 'bad', /taken: ::/, /ss -lntup/],
  [
    'systemd-resolved with a stub for all',
    STOPPED,
    at53('0.0.0.0', 'systemd-resolve'),
    'port-53',
    'bad',
    /systemd-resolve/,
    /DNSStubListener=no/,
  ],
  [
    'the stub of systemd-resolved',
    STOPPED,
    at53('127.0.0.53', 'systemd-resolve'),
    'port-53',
    'ok',
    /^in use at 127\.0\.0\.53 \(systemd-resolve\): not in the way of dns64$/,
    undefined,
  ],
  [
    "somebody on the page's port",
    STOPPED,
    onPagePort('0.0.0.0', 'nginx'),
    'port-page',
    'bad',
    /9443: taken: 0\.0\.0\.0 \(nginx\)/,
    /console\.port.*sport = :9443/,
  ],
  [
    "somebody on the page's port of another address",
    STOPPED,
    onPagePort('192.0.2.7'),
    'port-page',
    'ok',
    /^9443: in use at 192\.0\.2\.7: not in the way of console$/,
    undefined,
  ],
  [
    'the console itself on its port',
    WELL,
    onPagePort('::1', 'node'),
    'port-page',
    'ok',
    /^9443: in use at ::1 \(node\); console has what it needs of it, or its line here says why not$/,
    undefined,
  ],
  [
    'dns64 itself on port 53',
    WELL,
    { port53: ['127.0.0.1', '::1'].map((address) => ({ address, program: undefined })) },
    'port-53',
    'ok',
    /^in use at 127\.0\.0\.1, ::1; dns64 has what it needs of it, or its line here says why not$/,
    undefined,
  ],
  ['nobody on port 53', WELL, {}, 'port-53', 'ok', /^free$/, undefined],
  [
    'the clock of 1970',
    STOPPED,
    { clock: { unixMs: 0, text: '1970-01-01T00:00:00Z', isSynchronised: false } },
    'clock',
    'bad',
    /1970/,
    /set-ntp/,
  ],
  [
    'a clock on its own',
    STOPPED,
    { clock: { ...WELL.clock, isSynchronised: false } },
    'clock',
    'note',
    /nothing keeps/,
    /set-ntp/,
  ],
  [
    'a full disk',
    STOPPED,
    { disk: { path: '/x', freeBytes: 1e6, sizeBytes: 3e10 } },
    'disk',
    'bad',
    /1 of 30000 MB free/,
    /prune/,
  ],
  [
    'a disk that is read only',
    STOPPED,
    { disk: '/x cannot be written' },
    'disk',
    'bad',
    /cannot be written/,
    /remount/,
  ],
  [
    'a kernel without flowtables',
    WELL,
    { flowtable: { links: ['lan0', 'wan0'], isTaken: false } },
    'flowtable',
    'ok',
    /takes none on lan0, wan0/,
    undefined,
  ],
  [
    'a kernel with flowtables',
    WELL,
    { flowtable: { links: ['lan0', 'wan0'], isTaken: true } },
    'flowtable',
    'ok',
    /takes one on lan0, wan0/,
    undefined,
  ],
  [
    'flowtables switched off',
    WELL,
    { site: testSite({ firewall: { flowtable: 'off' } }) },
    'flowtable',
    'ok',
    /firewall\.flowtable is off/,
    undefined,
  ],
  ['links that take no test', STOPPED, { flowtable: undefined }, 'flowtable', 'ok', /not tried/, undefined],
  [
    'too many flows',
    WELL,
    { conntrack: { entries: 60_000, max: 65_536 } },
    'conntrack',
    'bad',
    /60000 of 65536/,
    /nf_conntrack_max=131072/,
  ],
]

for (const [what, base, changes, id, state, found, fix] of CASES)
  test(`doctor: ${what}: ${id} ${state}`, () => {
    const check = checksOf({ ...base, ...changes }).find((other) => other.id === id) ?? assert.fail(id)
    assert.equal(check.state, state, check.found)
    assert.match(check.found, found)
    if (fix === undefined) assert.equal(check.fix, undefined)
    else assert.match(check.fix ?? '', fix)
  })

test('a machine that is well: every check is ok and none has anything to mend', () => {
  for (const report of [WELL, STOPPED])
    for (const { id, state, fix } of checksOf(report)) {
      assert.equal(state, 'ok', id)
      assert.equal(fix, undefined)
    }
})

test('every fix is one line', () => {
  for (const [, base, changes] of CASES)
    for (const { fix = '' } of checksOf({ ...base, ...changes })) assert.doesNotMatch(fix, /\n/)
})

test('checks as text: one line each, under it what to do', () => {
  assert.equal(
    renderChecks([
      { id: 'tun', state: 'ok', found: 'there' },
      { id: 'disk', state: 'bad', found: 'full', fix: 'empty it' },
    ]),
    'ok    tun             there\nBAD   disk            full\n      → empty it\n',
  )
})

test('listeners: the four tables of /proc/net', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4242 1 0000000000000000 100 0 0 10 0
   1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 0000000000000000 0
   2: 0100007F:0035 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4244 2 0000000000000000 0
   3: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4245 2 0000000000000000 0
   4: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4246 1
`
  assert.deepEqual(parseListeners(text, 53), [
    { address: '127.0.0.53', inode: '4242' },
    { address: '0.0.0.0', inode: '4243' },
    { address: '::1', inode: '4246' },
  ])
})
