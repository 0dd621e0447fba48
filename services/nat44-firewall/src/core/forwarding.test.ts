import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planForwarding, type SysctlState } from './forwarding.ts'

const LINKS = { lan: 'lan0', tun: 'nat64', uplinks: ['wan0'] }

const state = (changes: Partial<SysctlState> = {}): SysctlState => ({
  conf4: ['all', 'default', 'lo', 'lan0', 'wan0'],
  conf6: ['all', 'default', 'lo', 'lan0', 'wan0'],
  acceptRa: new Map([['wan0', '1']]),
  ipForward: '0',
  routesByRa: [],
  ...changes,
})

const paths = (changes: Partial<SysctlState> = {}, links = LINKS): readonly string[] =>
  planForwarding(links, state(changes)).map(({ path, value }) => `${path}=${value}`)

test('accept_ra of the uplink before IPv6 forwarding, accept_redirects before ip_forward', () => {
  assert.deepEqual(paths(), [
    'ipv6/conf/wan0/accept_ra=2',
    'ipv6/conf/all/forwarding=1',
    'ipv6/conf/lan0/forwarding=1',
    'ipv6/conf/wan0/forwarding=1',
    'ipv4/conf/all/accept_redirects=0',
    'ipv4/ip_forward=1',
    'ipv4/conf/wan0/forwarding=1',
  ])
})

/** What happens to accept_ra, by what is there: only a 1 is taken for "lives by RAs", a 0 is somebody's own client. */
const ACCEPT_RA: readonly (readonly [acceptRa: Record<string, string>, routesByRa: string[], expected: string[]])[] = [
  [{ wan0: '1' }, [], ['wan0']],
  [{ wan0: '0' }, [], []],
  [{ wan0: '2' }, [], []],
  [{}, [], []],
  [{ wan0: '1', wlan0: '1' }, ['wlan0'], ['wan0', 'wlan0']],
  [{ wan0: '0', wlan0: '1' }, [], []],
  [{ wan0: '1', lan0: '1', nat64: '1' }, ['lan0', 'nat64'], ['wan0']],
]

test('accept_ra = 2 for the uplinks and for every link whose default route came by an RA, never for the LAN', () => {
  for (const [acceptRa, routesByRa, expected] of ACCEPT_RA)
    assert.deepEqual(
      paths({ acceptRa: new Map(Object.entries(acceptRa)), routesByRa }).filter((text) => text.includes('accept_ra')),
      expected.map((name) => `ipv6/conf/${name}/accept_ra=2`),
    )
})

test('what the kernel changes along is on record', () => {
  const steps = planForwarding(LINKS, state({ conf6: ['all', 'lo', 'wlan0'], conf4: ['all', 'docker0'] }))
  const affects = (path: string): readonly string[] => steps.find((step) => step.path === path)?.affects ?? []
  assert.deepEqual(affects('ipv6/conf/all/forwarding'), [
    'ipv6/conf/all/forwarding',
    'ipv6/conf/lo/forwarding',
    'ipv6/conf/wlan0/forwarding',
  ])
  assert.deepEqual(affects('ipv4/ip_forward'), [
    'ipv4/conf/all/forwarding',
    'ipv4/conf/docker0/forwarding',
    'ipv4/conf/all/accept_redirects',
  ])
})

test('a host that forwards already keeps its accept_redirects', () => {
  assert.ok(!paths({ ipForward: '1' }).some((text) => text.includes('accept_redirects')))
})

test('without an uplink, and with links that are not there yet', () => {
  assert.deepEqual(paths({ conf4: ['all'], conf6: ['all'], acceptRa: new Map() }, { ...LINKS, uplinks: [] }), [
    'ipv6/conf/all/forwarding=1',
    'ipv4/conf/all/accept_redirects=0',
    'ipv4/ip_forward=1',
  ])
})
