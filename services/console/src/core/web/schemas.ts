/** What the API answers. The only source of its types: the OpenAPI document and the page take theirs from here. */
import { z } from 'zod'
import { OUTCOMES } from '../history.ts'

const count = z.number().int().min(0)
/** Milliseconds since 1970. */
const timeMs = z.number()

export const problem = z.object({ code: z.string(), message: z.string() })

/** Instances that did not answer, as sentences for the owner. */
const complaints = z.array(z.string())

export const failure = z.object({
  error: z.object({
    /** Stable and short, for programs. */
    code: z.string(),
    message: z.string(),
    /** Seconds after which it makes sense to try again. */
    retryAfterS: z.number().optional(),
  }),
})

export const session = z.object({
  /** Who asks is logged in. */
  isOwner: z.boolean(),
  /** No password was set yet. */
  needsSetup: z.boolean(),
})

const token = z.object({ name: z.string(), madeAtMs: timeMs })

export const tokens = z.object({ tokens: z.array(token) })

/** `secret` is told this once. */
export const newToken = z.object({ name: z.string(), secret: z.string() })

export const instance = z.object({
  service: z.string(),
  /** Which of several gateways it runs on; null: there is one alone, without a name. */
  gateway: z.string().nullable(),
  /** null: nothing of this service reports. */
  instance: z.string().nullable(),
  version: z.string().nullable(),
  revision: count,
  state: z.enum(['starting', 'ok', 'degraded', 'rejected', 'stopping', 'gone']),
  sinceMs: timeMs.nullable(),
  problems: z.array(problem),
  remarks: z.array(z.string()),
})

export const site = z.object({
  nowMs: timeMs,
  /** Of the document in NATS; 0 = none was published yet. */
  revision: count,
  /** Every service is there, well, and runs this revision. */
  isConverged: z.boolean(),
  /** Why the file is not what is in force. */
  documentProblem: z.string().nullable(),
  instances: z.array(instance),
  /** Which of several gateways answers; null: the only one. */
  here: z.string().nullable(),
  /** What the document in force says; null while there is none. */
  facts: z
    .object({
      lans: z.array(z.object({ link: z.string(), prefix: z.string(), router: z.string() })),
      wan: z.string(),
      pref64: z.array(z.string()),
      pool4: z.array(z.string()),
    })
    .nullable(),
  /** By service: the counters of its instances, added up. */
  counters: z.record(z.string(), z.record(z.string(), z.number())),
})

/** Octets per second, one for each time of `atMs`; null: not known. */
const rates = z.array(z.number().nullable())

export const throughput = z.object({
  range: z.enum(['recent', 'day']),
  intervalMs: count,
  /** Ends of the intervals. */
  atMs: z.array(timeMs),
  /** Towards the IPv4 network, carried by the kernel (fast path) or by the TypeScript path; and back. */
  outFastPath: rates,
  outTypescript: rates,
  inFastPath: rates,
  inTypescript: rates,
})

const carried = z.object({ packets: z.number(), bytes: z.number() })
/** What was carried on each path. */
export const byPath = z.object({ fastPath: carried, typescript: carried })

export const hosts = z.object({
  hosts: z.array(
    z.object({
      /** One of its names in the site's own zones; null: none is known. */
      name: z.string().nullable(),
      mac: z.string().nullable(),
      /** All its addresses on the LAN, as neighbour discovery shows them. */
      addresses: z.array(z.string()),
      /** The address that has a mapping; null: it has not spoken to the IPv4 network. */
      ip6: z.string().nullable(),
      /** Its address of the pool. */
      ip4: z.string().nullable(),
      pref64: z.string().nullable(),
      /** `ip6` is likely that of a CLAT (464XLAT): packets from it keep the checksum of an IPv4 source in 192.0.0.0/29. */
      isLikelyClat: z.boolean(),
      idleS: z.number().nullable(),
      out: byPath.nullable(),
      in: byPath.nullable(),
    }),
  ),
  complaints,
})

export const drops = z.object({
  drops: z.array(z.object({ reason: z.string(), packets: count, sentence: z.string() })),
  complaints,
})

export const routers = z.object({
  routers: z.array(
    z.object({
      link: z.string(),
      router: z.string(),
      mac: z.string().nullable(),
      routerLifetimeS: z.number(),
      preference: z.string(),
      prefixes: z.array(z.string()),
      silentS: z.number(),
      findings: z.array(problem),
    }),
  ),
  /** What this gateway advertises, one for each LAN. */
  own: z.array(
    z.object({
      link: z.string(),
      router: z.string(),
      prefix: z.string(),
      pref64: z.array(z.string()),
      dnssl: z.array(z.string()),
    }),
  ),
  complaints,
})

export const firewall = z.object({
  rules: z.array(
    z.object({
      chain: z.string(),
      id: z.string(),
      text: z.string(),
      verdict: z.string(),
      packets: count,
      bytes: count,
    }),
  ),
  forwards: z.array(
    z.object({
      protocol: z.string(),
      /** One, or two with a hyphen. */
      port: z.string(),
      to: z.string(),
      toPort: z.number(),
    }),
  ),
  complaints,
})

export const explanation = z.object({
  answers: z.array(
    z.object({
      instance: z.string(),
      question: z.string(),
      rcode: z.string(),
      origin: z.string(),
      records: z.array(z.string()),
      because: z.array(z.string()),
    }),
  ),
  complaints,
})

/** What `dns64.queryLog` says; null: no dns64 answered. */
const kept = z.enum(['off', 'names', 'clients']).nullable()

export const dnsQueries = z.object({
  kept,
  /** Queries that dns64 has room for. */
  room: count,
  /** Newest first. */
  queries: z.array(
    z.object({
      atMs: timeMs,
      /** Address of who asked; null: not kept. */
      client: z.string().nullable(),
      /** Its name in the site's own zones; null: none is known. */
      clientName: z.string().nullable(),
      name: z.string(),
      type: z.string(),
      rcode: z.string(),
      reason: z.string(),
      transport: z.enum(['udp', 'tcp']),
      isCached: z.boolean(),
      isStale: z.boolean(),
      /** Who gave the answer, or what it is made of; null: nobody. */
      upstream: z.string().nullable(),
      /** Microseconds until it was there; null: not timed, because nobody was waited for. */
      tookUs: count.nullable(),
    }),
  ),
  /** By reason: what it means. */
  sentences: z.record(z.string(), z.string()),
  complaints,
})

export const dnsTop = z.object({
  kept,
  /** Since when names are counted; null: no dns64 answered. */
  sinceMs: timeMs.nullable(),
  /** The most frequent first. `queries` is too high by at most `overAtMost`. */
  names: z.array(z.object({ name: z.string(), queries: count, overAtMost: count })),
  complaints,
})

export const issue = z.object({
  /** From 1; null: of the document as a whole. */
  line: count.nullable(),
  column: count.nullable(),
  path: z.string(),
  message: z.string(),
})

export const config = z.object({
  /** The text of the site document's file, with its comments. */
  text: z.string(),
  /** Of the document in force. */
  revision: count,
  nowMs: timeMs,
  /** Until when the edit of the page can be confirmed; null: none waits. */
  confirmUntilMs: timeMs.nullable(),
  /** What keeps the console from writing the file, and what to do; null: nothing. */
  obstacle: z.string().nullable(),
})

export const configCheck = z.object({
  /** None: it is a good document. */
  issues: z.array(issue),
  /** Against the file. */
  diff: z.array(
    z.object({
      oldStart: count,
      newStart: count,
      lines: z.array(z.object({ kind: z.enum(['same', 'removed', 'added']), text: z.string() })),
    }),
  ),
})

export const history = z.object({
  /** Newest first. */
  revisions: z.array(
    z.object({
      revision: count,
      atMs: timeMs,
      /** `file`: the site document was edited; else a command, or the page. */
      who: z.string(),
      outcome: z.enum(OUTCOMES),
      /** Why it was put back. */
      reasons: z.array(z.string()),
      /** Paths of the fields that are otherwise than in the revision before; null: of the oldest one kept nobody knows. */
      changed: z.array(z.string()).nullable(),
    }),
  ),
})

export const revisionText = z.object({
  revision: count,
  /** With its comments. */
  text: z.string(),
})

export const events = z.object({
  /** Newest first. */
  events: z.array(
    z.object({
      atMs: timeMs,
      service: z.string(),
      instance: z.string(),
      /** For programs: `takeover`. */
      kind: z.string(),
      level: z.enum(['info', 'warn']),
      message: z.string(),
    }),
  ),
})

export type Config = z.infer<typeof config>
export type ConfigCheck = z.infer<typeof configCheck>
export type History = z.infer<typeof history>
export type RevisionText = z.infer<typeof revisionText>
export type Events = z.infer<typeof events>
export type Site = z.infer<typeof site>
export type Throughput = z.infer<typeof throughput>
export type Hosts = z.infer<typeof hosts>
export type HostLine = Hosts['hosts'][number]
export type Drops = z.infer<typeof drops>
export type Routers = z.infer<typeof routers>
export type Firewall = z.infer<typeof firewall>
export type DnsQueries = z.infer<typeof dnsQueries>
export type DnsTop = z.infer<typeof dnsTop>
export type Explanation = z.infer<typeof explanation>
export type Tokens = z.infer<typeof tokens>
export type NewToken = z.infer<typeof newToken>
export type Session = z.infer<typeof session>
export type Failure = z.infer<typeof failure>
