/** For tests of the API and the page: what services would answer, and answers that hold nothing. */
import type { AnswerOf, RouteName } from '../core/web/routes.ts'
import type { PageLab } from './page-lab.ts'
import { siteYaml } from './site-lab.ts'

const PATH = { packets: 3000, bytes: 750_000 }
const BY_PATH = { fastPath: PATH, typescript: PATH }
export const HOST = {
  ip6: 'fd00:6:4::10',
  ip4: '198.18.0.7',
  pref64: '64:ff9b::/96',
  idleS: 4,
  out: BY_PATH,
  in: BY_PATH,
}

export const ROUTER = {
  link: 'lan0',
  router: 'fe80::9',
  routerLifetimeS: 1800,
  preference: 'medium',
  prefixes: ['fd00:9::/64'],
  silentS: 3,
  findings: [{ code: 'other-prefix', message: 'another router advertises fd00:9::/64' }],
}

export const RULE = {
  chain: 'input',
  id: 'lan-web',
  text: 'web page of the console',
  verdict: 'accept',
  packets: 3,
  bytes: 180,
}

const EXPLANATION = {
  question: 'www.example. AAAA',
  rcode: 'NOERROR',
  origin: 'cache',
  records: ['www.example. AAAA 64:ff9b::c633:6450'],
  because: ['it is so'],
}

/** Queries as dns64 answers them, the newest first. */
export const QUERY = {
  atMs: Date.UTC(2026, 0, 31, 12),
  client: 'fd00:6:4::10',
  name: 'www.example.',
  type: 'AAAA',
  rcode: 'NOERROR',
  reason: 'synthesised',
  transport: 'udp',
  isCached: false,
  isStale: false,
  upstream: '192.0.2.53#53',
  tookUs: 30_100,
} as const
const DENIED = {
  ...QUERY,
  atMs: QUERY.atMs - 1000,
  client: 'fd00:6:4::11',
  name: 'gone.example.',
  rcode: 'NXDOMAIN',
  reason: 'upstream',
  isCached: true,
  tookUs: null,
} as const

/** As dns64 does it: by a part of the name and the RCODE. */
const queriesLike = (body: unknown): unknown => {
  const { name = '', rcode } = body as { name?: string; rcode?: string }
  const queries = [QUERY, DENIED].filter(
    (one) => one.name.includes(name) && (rcode === undefined || one.rcode === rcode),
  )
  const sentences = { synthesised: 'made from the A records', upstream: 'the name server said so' }
  return { kept: 'clients', room: 4096, queries, sentences }
}

export const TOP_NAME = { name: 'www.example.', queries: 1234, overAtMost: 2 } as const

/** A host that has a name, and a port that leads to it. */
export const SITE_WITH_FORWARD = siteYaml('64:ff9b::/96', 8443).replace(
  'console:',
  `dns64:
  records:
    - { name: printer.home.arpa, type: AAAA, data: "fd00:6:4::10" }
firewall:
  forwards:
    - { protocol: tcp, port: 8080, to: "fd00:6:4::10", toPort: 80 }
console:`,
)

/** Every service reports and answers. What hosts say of themselves is hostile here: it must stay text. */
export const speakForAll = async (lab: PageLab): Promise<void> => {
  let bytes = 0
  const carried = (): Record<string, number> => {
    bytes += 1_000_000
    return {
      hosts: 1,
      translated_6to4_bytes_total: bytes,
      translated_4to6_bytes_total: bytes * 3,
      fast_path_translated_6to4_bytes_total: bytes * 5,
      fast_path_translated_4to6_bytes_total: bytes * 7,
    }
  }
  await lab.speakFor(
    'nat64',
    {
      hosts: () => ({ hosts: [HOST], more: false }),
      drops: () => [{ reason: 'ttl', packets: 4, sentence: 'hop limit was over' }],
    },
    carried,
  )
  await lab.speakFor('ra-advertiser', {
    neighbours: () => [ROUTER],
    'hosts-seen': () => [
      { link: 'lan0', mac: '02:00:00:00:00:10', addresses: ['fe80::10', 'fd00:6:4::10'], isRouter: false },
      { link: 'lan0', mac: '02:00:00:00:00:11', addresses: ['<img src=x onerror=alert(1)>'], isRouter: false },
    ],
  })
  const flows = (): Record<string, number> => ({ conntrack_entries: 1234 })
  await lab.speakFor('nat44-firewall', { rules: () => [RULE], checks: () => [] }, flows)
  const cached = (): Record<string, number> => ({ queries_total: 100, cache_entries: 7 })
  const answers = {
    explain: () => EXPLANATION,
    queries: queriesLike,
    'top-names': () => ({ kept: 'clients', sinceMs: QUERY.atMs, names: [TOP_NAME] }),
  }
  await lab.speakFor('dns64', answers, cached)
}

/** By route: an answer that holds nothing. */
export const EMPTY: { readonly [N in RouteName]?: AnswerOf<N> } = {
  site: {
    nowMs: 0,
    revision: 0,
    isConverged: false,
    documentProblem: null,
    instances: [],
    here: null,
    facts: null,
    counters: {},
  },
  throughput: {
    range: 'recent',
    intervalMs: 2000,
    atMs: [0],
    outFastPath: [null],
    outTypescript: [null],
    inFastPath: [null],
    inTypescript: [null],
  },
  hosts: { hosts: [], complaints: [] },
  routers: { routers: [], own: [], complaints: [] },
  firewall: { rules: [], forwards: [], complaints: [] },
  drops: { drops: [], complaints: [] },
  dnsQueries: { kept: 'clients', room: 4096, queries: [], sentences: {}, complaints: [] },
  dnsTop: { kept: 'clients', sinceMs: 0, names: [], complaints: [] },
  history: { revisions: [] },
  events: { events: [] },
  config: { text: '', revision: 0, nowMs: 0, confirmUntilMs: null, obstacle: null },
  tokens: { tokens: [] },
}
