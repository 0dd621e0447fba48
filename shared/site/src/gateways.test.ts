import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatIp6 } from '@sixgate/addr'
import { SiteError } from './error.ts'
import { gatewayView, requireGateway } from './gateways.ts'
import { lanLinkNames, lanViews } from './lans.ts'
import { parseSite } from './site.ts'

const document = (gateways: unknown, more: Record<string, unknown> = {}): unknown => ({
  lan: { interface: 'eth0', vlan: 2, prefix: 'fd00:1:2:2::/64', router: '::9' },
  lans: [
    { interface: 'eth0', vlan: 3, prefix: 'fd00:1:2:3::/64', ra: { preference: 'low' } },
    { interface: 'eth9', prefix: 'fd00:1:2:4::/64' },
  ],
  wan: { interface: 'eth5' },
  pref64: ['64:ff9b::/96'],
  nat64: { pool4: ['198.18.0.0/16'] },
  gateways,
  ...more,
})

const TWO = [
  { name: 'a', router: '::1', preference: 'high' },
  { name: 'b', router: '::2', interface: 'eth1', wan: 'eth6' },
]

const issuesOf = (work: () => unknown): string[] => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof SiteError, String(error))
    return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  }
  return []
}

describe('gateways', () => {
  const site = parseSite(document(TWO))

  test('each has its own router addresses, preference and ports; the rest is the same', () => {
    const rows = ['a', 'b'].map((name) => {
      const own = gatewayView(site, name)
      return {
        routers: lanViews(own).map(({ lan }) => formatIp6(lan.router)),
        preferences: lanViews(own).map(({ ra }) => ra.preference),
        links: lanLinkNames(own),
        wan: own.wan.interface,
        rest: own.nat64 === site.nat64 && own.pref64 === site.pref64,
      }
    })
    assert.deepEqual(rows, [
      {
        routers: ['fd00:1:2:2::1', 'fd00:1:2:3::1', 'fd00:1:2:4::1'],
        preferences: ['high', 'high', 'high'],
        links: ['eth0.2', 'eth0.3', 'eth9'],
        wan: 'eth5',
        rest: true,
      },
      {
        routers: ['fd00:1:2:2::2', 'fd00:1:2:3::2', 'fd00:1:2:4::2'],
        preferences: ['medium', 'low', 'medium'],
        links: ['eth1.2', 'eth1.3', 'eth9'],
        wan: 'eth6',
        rest: true,
      },
    ])
  })

  test('a document without gateways is for the one machine without a name', () => {
    const alone = parseSite(document([]))
    assert.equal(requireGateway(alone, undefined), alone)
    assert.equal(formatIp6(alone.lan.router), 'fd00:1:2:2::9')
  })

  /** [what, gateways, name of the machine, the issue] */
  const STRANGERS: readonly (readonly [string, unknown, string | undefined, string])[] = [
    [
      'a name that is not there',
      TWO,
      'c',
      'gateways: has the gateways a, b, and this machine is "c" (SIXGATE_GATEWAY): add it, with a router address of its own',
    ],
    [
      'a machine without a name',
      TWO,
      undefined,
      'gateways: has the gateways a, b, and this machine has no name: set SIXGATE_GATEWAY to one of them',
    ],
    [
      'a name, and a document without any',
      [],
      'a',
      'gateways: has no gateways, and this machine is "a" (SIXGATE_GATEWAY): add it, with a router address of its own',
    ],
  ]
  for (const [what, gateways, name, issue] of STRANGERS)
    test(what, () =>
      assert.deepEqual(
        issuesOf(() => requireGateway(parseSite(document(gateways)), name)),
        [issue],
      ),
    )

  /** [what, gateways, issues] */
  const MISTAKES: readonly (readonly [string, unknown, readonly string[]])[] = [
    [
      'one name twice',
      [TWO[0], { name: 'a', router: '::2' }],
      ['gateways.1.name: "a" is there already: each gateway needs a name of its own'],
    ],
    [
      'one address twice',
      [TWO[0], { name: 'b', router: '::1' }],
      ['gateways.1.router: ::1 is the address of "a" already: each gateway needs its own'],
    ],
    [
      'a name that cannot be part of a subject',
      [{ name: 'pi.a', router: '::1' }],
      ['gateways.0.name: "pi.a": must be a name of 1 to 15 lower-case letters and digits like a'],
    ],
    [
      'an address that is no interface identifier',
      [{ name: 'a', router: 'fd00:1:2:2::1' }],
      [
        'gateways.0.router: "fd00:1:2:2::1": must be an interface identifier like ::2, which goes behind the prefix of every LAN',
      ],
    ],
    [
      'ports of one that do not agree',
      [TWO[0], { name: 'b', router: '::2', wan: 'eth9' }],
      ['gateways.1: "eth9" is a LAN: the uplink must be another interface, or auto'],
    ],
  ]
  for (const [what, gateways, issues] of MISTAKES)
    test(what, () =>
      assert.deepEqual(
        issuesOf(() => parseSite(document(gateways))),
        issues,
      ),
    )
})
