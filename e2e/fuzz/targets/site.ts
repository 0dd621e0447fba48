import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSite, readSite, SiteError } from '@sixgate/site'
import { makePolicy } from '../../../services/dns64/src/core/policy.ts'
import { buildRuleset } from '../../../services/nat44-firewall/src/core/ruleset.ts'
import { createTable } from '../../../services/nat44-firewall/src/core/transaction.ts'
import { COMMENT_MAX_BYTES } from '../../../services/nat44-firewall/src/core/nft.ts'
import { testFacts } from '../../../services/nat44-firewall/src/testkit/scenarios.ts'
import { planFrom } from '../../../services/nat64/src/core/plan.ts'
import { advertisementOf } from '../../../services/ra-advertiser/src/core/advertisement.ts'
import { ALL_WELL } from '../../../services/ra-advertiser/src/core/health.ts'
import { encodeRouterAdvertisement } from '../../../services/ra-advertiser/src/core/ra-wire.ts'
import { ROOT } from '../../harness/engine.ts'
import { type Target, textOf, utf8 } from '../target.ts'

const FULL = `lan: { interface: eth1, vlan: 7, prefix: fd00:6:4::/64, router: "::1" }
lans:
  - { interface: eth2, prefix: fd00:6:5::/64 }
wan: { interface: auto }
pref64: [64:ff9b::/96, 2001:db8:64::/48]
nat64:
  pool4: [198.18.0.0/16, 192.168.64.0/24]
  hosts: [{ ip6: "fd00:6:4::10", ip4: 198.18.7.7 }]
  maps: [{ ip6: "2001:db8:1::/120", ip4: 198.51.100.0/24 }]
  wellKnownPrefix: strict
  alg: { ftp: on, sip: on }
dns64:
  upstreams: [192.0.2.53, "tls://192.0.2.54#dns.example"]
  exclude: ["2001:db8::/32"]
  domains: [{ name: a.example, synthesis: never }]
  records: [{ name: nas.home.arpa, type: AAAA, data: "fd00:6:4::10" }]
  rateLimit: { queriesPerS: 100, burst: 200 }
ra:
  dnssl: [lan.example]
  routes: [{ prefix: "2001:db8:5::/48", preference: low }]
  linkMtu: 1400
firewall:
  inbound: [{ protocol: tcp, port: 22 }]
  forwards: [{ protocol: tcp, port: 8080, to: "fd00:6:4::10", toPort: 80 }]
  blocks: [{ host: "02:00:5e:00:53:02", from: "22:00", to: "06:00" }]
  timezone: Europe/Berlin
`

const WORDS = [
  'auto',
  'null',
  '~',
  'true',
  '[]',
  '{}',
  '""',
  '"::"',
  '::1/128',
  '::/0',
  '0.0.0.0/0',
  '255.255.255.255/32',
  '64:ff9b::/96',
  '64:ff9b::/97',
  'fe80::/64',
  'ff02::1',
  '::ffff:1.2.3.4',
  '198.18.0.0/15',
  '198.18.0.1/31',
  '1.2.3.4/33',
  'fd00:6:4::/64',
  'lan',
  'eth0',
  'lo',
  'nat64',
  'a'.repeat(16),
  'ä',
  '"\\u0000"',
  '"\\n"',
  '"; drop"',
  '"$(id)"',
  '../..',
  '__proto__',
  'constructor',
  'pref64',
  'nat64:',
  'ra',
  '&a [*a]',
  '!!binary eA==',
  '1e3',
  '0x10',
  '0o17',
  '2026-11-26',
  '.inf',
  '.nan',
  'tls://192.0.2.1',
  'https://[::1]/dns-query',
  '24:00',
  'tcp',
  'udp',
  '9007199254740993',
] as const

/** Everything that the services make of a document before they touch the machine. */
const build = (site: Parameters<typeof buildRuleset>[0]): string | undefined => {
  planFrom(site, [])
  makePolicy(site, { hasIp6Uplink: false, hasPrivateUpstream: false })
  encodeRouterAdvertisement(
    advertisementOf(site, { mac: undefined, mtuBytes: 1500 }, { forwarding: true, health: ALL_WELL, unixMs: 0 }),
  )
  const ruleset = buildRuleset(site, testFacts({ lan: ['lan0', 'lan1'] }))
  const transaction = JSON.stringify(createTable(ruleset, new Map()))
  const long = ruleset.chains
    .flatMap(({ rules }) => rules)
    .find(({ id, text }) => utf8(`${id}: ${text}`).length > COMMENT_MAX_BYTES)
  if (long !== undefined) return `a rule's comment is longer than nft takes: ${long.id}`
  return transaction.includes('undefined') ? 'an undefined in the rules' : undefined
}

const issuesAreTold = (error: SiteError, text: string): string | undefined => {
  const lines = text.split('\n').length
  for (const { line, column, message } of error.issues) {
    if (message === '') return 'an issue without a sentence'
    if (line === undefined || column === undefined || line < 1 || line > lines + 1 || column < 1)
      return `an issue at ${line}:${column} of ${lines} lines: ${message}`
  }
  return error.issues.length === 0 ? 'refused without a reason' : undefined
}

const judge = async (text: string): Promise<string | undefined> => {
  const directory = mkdtempSync(join(tmpdir(), 'sixgate-fuzz-'))
  try {
    const { document, site } = await readSite(text, join(directory, 'site.yaml'))
    const again = JSON.stringify(parseSite(JSON.parse(JSON.stringify(document))))
    if (again !== JSON.stringify(site)) return 'as published it is another site'
    return build(site)
  } catch (error) {
    if (!(error instanceof SiteError)) throw error
    return issuesAreTold(error, text)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export const SITE: Target = {
  name: 'site',
  seeds: {
    yaml: [
      utf8(FULL),
      utf8(readFileSync(join(ROOT, 'deploy/site.yaml'), 'utf8')),
      utf8(readFileSync(join(ROOT, 'e2e/site/site.yaml'), 'utf8')),
    ],
  },
  words: WORDS,
  judge: async (_, input) => await judge(textOf(input)),
}
