import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSite } from '../testkit/scenarios.ts'
import { findUplinks, type UplinkState } from './uplinks.ts'

const state = (changes: Partial<UplinkState> = {}): UplinkState => ({
  links: ['lo', 'lan0', 'wan0', 'wlan0', 'nat64'],
  defaultRoutes4: [],
  defaultRoutes6: [],
  remembered: [],
  ...changes,
})

interface Row {
  readonly what: string
  readonly wan?: string
  readonly state: Partial<UplinkState>
  readonly names: readonly string[]
  readonly code?: string
  readonly message?: RegExp
}

const TABLE: readonly Row[] = [
  { what: 'auto: the link of the IPv4 default route', state: { defaultRoutes4: ['wan0'] }, names: ['wan0'] },
  {
    what: 'auto: a second default route makes a second uplink, the preferred one first',
    state: { defaultRoutes4: ['wan0', 'wlan0'] },
    names: ['wan0', 'wlan0'],
  },
  {
    what: 'auto: IPv6 goes out by a link of its own',
    state: { defaultRoutes4: ['wan0'], defaultRoutes6: ['wan0', 'he-ipv6'] },
    names: ['wan0', 'he-ipv6'],
  },
  {
    what: 'auto: routes to the LAN and to the translator are no way out',
    state: { defaultRoutes4: ['wan0', 'nat64'], defaultRoutes6: ['lan0'] },
    names: ['wan0'],
  },
  {
    what: 'auto: no default route and none ever',
    state: {},
    names: [],
    code: 'wan-missing',
    message: /no IPv4 default route \(nothing is masqueraded until then\): check the cable and DHCP/,
  },
  {
    what: 'auto: the route is gone, the last uplink stays closed',
    state: { remembered: ['wan0'] },
    names: ['wan0'],
    code: 'wan-missing',
    message: /\(wan0 is held as the uplink\)/,
  },
  {
    what: 'auto: IPv6 only is no uplink for NAT64',
    state: { defaultRoutes6: ['wan0'], remembered: ['wlan0'] },
    names: ['wan0'],
    code: 'wan-missing',
    message: /wan0 is held/,
  },
  {
    what: 'auto: the default route leads to the LAN',
    state: { defaultRoutes4: ['lan0'] },
    names: [],
    code: 'wan-is-lan',
    message: /leads to "lan0", which is the LAN: remove that route/,
  },
  { what: 'by name', wan: 'wlan0', state: { defaultRoutes4: ['wan0'] }, names: ['wlan0'] },
  {
    what: 'by name: there is no such link',
    wan: 'eth9',
    state: { defaultRoutes4: ['wan0'] },
    names: ['eth9'],
    code: 'wan-missing',
    message: /no link "eth9" \(there are: wan0, wlan0\)/,
  },
]

for (const row of TABLE)
  test(row.what, () => {
    const site = testSite({ wan: { interface: row.wan ?? 'auto' } })
    const { names, problem } = findUplinks(site, 'lan0', state(row.state))
    assert.deepEqual(names, row.names)
    assert.equal(problem?.code, row.code)
    assert.match(problem?.message ?? '', row.message ?? /^$/)
    if (problem?.code === 'wan-is-lan') assert.equal(problem.link, 'lan0')
  })
