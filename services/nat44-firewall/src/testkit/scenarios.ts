import { type Site, parseSite } from '@sixgate/site'
import type { Facts } from '../core/zones.ts'

/** For tests: the situations that the golden rulesets in testdata/rulesets show. */
export interface Scenario {
  readonly name: string
  readonly site: Site
  readonly facts: Facts
}

/** What a test changes of the document. */
export interface SiteChanges {
  readonly lan?: Readonly<Record<string, unknown>>
  readonly nat64?: Readonly<Record<string, unknown>>
  readonly [section: string]: unknown
}

export const testSite = ({ lan = {}, nat64 = {}, ...rest }: SiteChanges = {}): Site =>
  parseSite({
    lan: { interface: 'lan0', prefix: 'fd00:1:2:3::/64', ...lan },
    pref64: ['64:ff9b::/96'],
    nat64: { pool4: ['198.18.0.0/16'], ...nat64 },
    ...rest,
  })

export const testFacts = (changes: Partial<Facts> = {}): Facts => ({
  lan: 'lan0',
  uplinks: ['wan0'],
  uplinkIsPublic: false,
  lanMtuBytes: 1500,
  routedBefore: { ip4: false, ip6: false },
  utcOffsetS: 0,
  helpers: ['ftp', 'sip'],
  oldPrefixes: [],
  flowtableLinks: [],
  ...changes,
})

const GLOBAL_LAN = { prefix: '2001:db8:1:2::/64' }

export const SCENARIOS: readonly Scenario[] = [
  { name: 'ula', site: testSite(), facts: testFacts() },
  { name: 'global-prefix', site: testSite({ lan: GLOBAL_LAN }), facts: testFacts() },
  { name: 'public-uplink', site: testSite({ lan: GLOBAL_LAN }), facts: testFacts({ uplinkIsPublic: true }) },
  { name: 'no-uplink', site: testSite(), facts: testFacts({ uplinks: [] }) },
  { name: 'two-uplinks', site: testSite({ lan: GLOBAL_LAN }), facts: testFacts({ uplinks: ['wan0', 'he-ipv6'] }) },
  {
    name: 'vlan-on-the-uplink',
    site: testSite({ lan: { interface: 'eth0', vlan: 2 } }),
    facts: testFacts({ lan: 'eth0.2', uplinks: ['eth0'], lanMtuBytes: 1496 }),
  },
  {
    name: 'open-ports',
    site: testSite({
      firewall: {
        allowPingFromWan: false,
        inbound: [
          { protocol: 'tcp', port: 22 },
          { protocol: 'udp', port: 51820 },
        ],
      },
    }),
    facts: testFacts(),
  },
  {
    name: 'several-lans',
    site: testSite({
      lans: [
        { interface: 'lan1', prefix: '2001:db8:1:4::/64' },
        { interface: 'lan0', vlan: 7, prefix: 'fd00:1:2:7::/64' },
      ],
    }),
    facts: testFacts({ lan: ['lan0', 'lan1', 'lan0.7'] }),
  },
  { name: 'no-mss-clamp', site: testSite({ firewall: { mssClamp: false } }), facts: testFacts() },
  {
    name: 'many-prefixes',
    site: testSite({
      pref64: ['64:ff9b::/96', '2001:db8:100::/40', '2001:db8:222:2222::/64'],
      nat64: { pool4: ['10.64.0.0/16', '192.0.2.128/29'] },
    }),
    facts: testFacts(),
  },
  {
    name: 'explicit-maps',
    site: testSite({
      nat64: {
        maps: [
          { prefix6: 'fd00:1:2:3:4::/112', prefix4: '10.64.0.0/16' },
          { prefix6: 'fd00:1:2:3:5::/120', prefix4: '10.64.5.0/24' },
        ],
        sources: ['fd00:1:2:3::/64', 'fd00:1:2:4::/64'],
      },
    }),
    facts: testFacts(),
  },
  { name: 'routed-before', site: testSite(), facts: testFacts({ routedBefore: { ip4: true, ip6: true } }) },
  {
    name: 'port-forwards',
    site: testSite({
      lan: GLOBAL_LAN,
      nat64: { hosts: [{ ip6: '2001:db8:1:2::10', ip4: '198.18.0.10' }] },
      firewall: {
        forwards: [
          { protocol: 'tcp', port: 8443, to: '2001:db8:1:2::10', toPort: 443, ipv6: true },
          { protocol: 'udp', port: '5000-5010', to: '2001:db8:1:2::11' },
        ],
        ipv6Inbound: 'accept',
      },
    }),
    facts: testFacts(),
  },
  {
    name: 'blocked-hosts',
    site: testSite({
      firewall: {
        timezone: 'Europe/Berlin',
        blocks: [
          { host: 'fd00:1:2:3::66' },
          { host: '02:00:00:00:00:66', from: '21:00', until: '07:00' },
          { host: 'fd00:1:2:3:8000::/65', days: ['saturday', 'sunday'] },
        ],
      },
    }),
    facts: testFacts({ utcOffsetS: 7200 }),
  },
  {
    name: 'ipv4-lans',
    site: testSite({
      firewall: {
        lan4: [
          { interface: 'lan0', prefix: '192.168.7.0/24' },
          { interface: 'eth1', prefix: '192.168.8.0/24' },
          { interface: 'eth1', prefix: '192.168.9.0/24' },
        ],
        forwards: [{ protocol: 'tcp', port: 80, to: 'fd00:1:2:3::10' }],
      },
    }),
    facts: testFacts(),
  },
  {
    name: 'no-limits-no-helpers',
    site: testSite({
      firewall: {
        reversePath: false,
        limits: { synFromWanPerSecond: 0, newFromWanPerSecond: 0, newPerHostPerSecond: 0 },
      },
    }),
    facts: testFacts({ helpers: [], oldPrefixes: [testSite({ lan: { prefix: 'fd00:9:9:9::/64' } }).lan.prefix] }),
  },
  {
    name: 'flowtable',
    site: testSite({ lan: GLOBAL_LAN }),
    facts: testFacts({ flowtableLinks: ['lan0', 'nat64', 'wan0'] }),
  },
  {
    name: 'flowtable-without-ebpf',
    site: testSite({ nat64: { fastPath: 'off' } }),
    facts: testFacts({ flowtableLinks: ['lan0', 'nat64', 'wan0'] }),
  },
  {
    name: 'flowtable-and-a-block',
    site: testSite({ firewall: { blocks: [{ host: 'fd00:1:2:3::66' }] } }),
    facts: testFacts({ flowtableLinks: ['lan0', 'nat64', 'wan0'] }),
  },
  { name: 'sip', site: testSite({ nat64: { alg: { sip: 'on' } } }), facts: testFacts() },
  {
    name: 'odd-link-names',
    site: testSite({ lan: { interface: 'lan*' } }),
    facts: testFacts({ lan: 'lan*', uplinks: ['wan"0'] }),
  },
]
