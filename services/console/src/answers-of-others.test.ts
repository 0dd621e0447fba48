/** Services of another version, or broken ones: what commands make of what they say. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NatsSite, ServiceName } from '@sixgate/bus'
import { putReport, sixgateHere } from './testkit/sixgate.ts'
import { SiteLab } from './testkit/site-lab.ts'

/** A command, whom it asks, and an answer that is one. */
const ASKED: readonly (readonly [words: string, service: ServiceName, question: string, answer: unknown])[] = [
  ['drops', 'nat64', 'drops', [{ reason: 'ttl', packets: 3, sentence: 'hop limit was 1' }]],
  [
    'hosts',
    'nat64',
    'hosts',
    {
      more: false,
      hosts: [
        {
          ip6: 'fd00:6:4::10',
          ip4: '198.18.0.10',
          pref64: '64:ff9b::/96',
          idleS: 3,
          out: { fastPath: { packets: 1, bytes: 2 }, typescript: { packets: 3, bytes: 4 } },
          in: { fastPath: { packets: 1, bytes: 2 }, typescript: { packets: 3, bytes: 4 } },
        },
      ],
    },
  ],
  [
    'dns explain www.example',
    'dns64',
    'explain',
    { question: 'www.example AAAA', rcode: 'NOERROR', origin: 'synthesised', records: [], because: ['it is so'] },
  ],
  [
    'dns queries',
    'dns64',
    'queries',
    {
      kept: 'names',
      room: 10,
      queries: [
        {
          atMs: 1,
          client: null,
          name: 'www.example',
          type: 'AAAA',
          rcode: 'NOERROR',
          reason: 'local',
          transport: 'udp',
          isCached: false,
          isStale: false,
          upstream: null,
          tookUs: 7,
        },
      ],
      sentences: { local: 'a record of the site' },
    },
  ],
  [
    'dns top',
    'dns64',
    'top-names',
    { kept: 'names', sinceMs: 1, names: [{ name: 'www.example', queries: 2, overAtMost: 0 }] },
  ],
  [
    'ra neighbours',
    'ra-advertiser',
    'neighbours',
    [
      {
        link: 'lan0',
        router: 'fe80::1',
        routerLifetimeS: 0,
        preference: 'medium',
        prefixes: [],
        silentS: 3,
        findings: [],
      },
    ],
  ],
  [
    'firewall rules',
    'nat44-firewall',
    'rules',
    [{ chain: 'forward', id: 'lan', text: 'the LAN', verdict: 'accept', packets: 1, bytes: 2 }],
  ],
  ['doctor', 'nat44-firewall', 'checks', [{ id: 'tun', state: 'ok', found: 'is there' }]],
  ['log level nat64', 'nat64', 'log-level', { level: 'info', before: 'info' }],
]

/** What comes instead of an answer, and what is said of it. */
const FOREIGN: readonly (readonly [what: string, bytes: string, said: RegExp])[] = [
  ['no JSON', '\u0000\u00ff{', /what it says is no answer/],
  ['JSON that is no answer', '[1, 2]', /what it says is no answer/],
  ['an answer without what was asked', '{"instance":"a"}', /what it says is no answer: \{"instance":"a"\}/],
  [
    'an answer of another kind',
    '{"instance":"a","answer":{"tomorrow":true}}',
    /is not understood, .*sixgate status \(are all of one version\?\)/,
  ],
  ['nothing at all', '', /what it says is no answer/],
]

const saying = ({ link }: NatsSite, service: ServiceName, bytes: () => string): void => {
  link.connection.subscribe(`sixgate.${service}.*`, { callback: (_error, message) => void message.respond(bytes()) })
}

/** The same with a field more in each record, as a newer version may have it. */
const newer = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(newer)
  if (typeof value !== 'object' || value === null) return value
  const grown = Object.entries(value).map(([key, inner]) => [key, key === 'sentences' ? inner : newer(inner)])
  return { ...Object.fromEntries(grown), tomorrow: { more: 'of it' } }
}

for (const [words, service, question, answer] of ASKED)
  describe(`sixgate ${words}`, () => {
    it('understands an answer with fields of a newer version', async () => {
      await using lab = await SiteLab.start()
      await lab.makeBuckets()
      let asked = ''
      const nats = await lab.connect(service, 'a', false)
      await putReport(nats, service)
      nats.link.connection.subscribe(`sixgate.${service}.*`, {
        callback: (_error, message) => {
          const name = message.subject.split('.').at(-1)
          if (name === question) asked = question
          const said = name === question ? newer(answer) : []
          message.respond(JSON.stringify({ instance: 'a', answer: said, trace: 'of a newer version' }))
        },
      })
      await nats.link.connection.flush()
      const { stdout, stderr } = await sixgateHere(lab, words)
      assert.equal(asked, question)
      assert.doesNotMatch(stdout + stderr, /is not understood|no answer|at .*\.ts:/)
      assert.notEqual(stdout, '')
    })

    for (const [what, bytes, said] of FOREIGN)
      it(`says of ${what} that it does not understand it`, async () => {
        await using lab = await SiteLab.start()
        await lab.makeBuckets()
        const nats = await lab.connect(service, 'a', false)
        await putReport(nats, service)
        saying(nats, service, () => bytes)
        await nats.link.connection.flush()
        const { status, stderr } = await sixgateHere(lab, words)
        assert.match(stderr, said)
        assert.doesNotMatch(stderr, /TypeError|SyntaxError|\n {4}at /)
        assert.equal(status, 1)
      })
  })
