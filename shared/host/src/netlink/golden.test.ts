import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  type Ip4,
  type Ip6,
  type Prefix4,
  type Prefix6,
  parseIp4,
  parseIp6,
  parsePrefix4,
  parsePrefix6,
} from '@sixgate/addr'
import { addAddressRequest, deleteAddressRequest } from './address-codec.ts'
import {
  addrGenModeRequest,
  createVlanRequest,
  deleteLinkRequest,
  linkMtuRequest,
  linkUpRequest,
} from './link-requests.ts'
import { acknowledged, encodeMessage, type Request } from './message.ts'
import { addRouteRequest, deleteRouteRequest } from './route-codec.ts'

const directory = new URL('../../testdata/netlink/', import.meta.url)

const golden = (name: string): string =>
  readFileSync(new URL(`${name}.hex`, directory), 'utf8')
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\s/g, '')

const ip = (text: string): Ip4 | Ip6 => parseIp4(text) ?? parseIp6(text) ?? assert.fail(text)
const prefix = (text: string): Prefix4 | Prefix6 => parsePrefix4(text) ?? parsePrefix6(text) ?? assert.fail(text)

/** The index of `p0` where the vectors were recorded. */
const P0 = 300

/** What iproute2 sends for the command in the file's first line, octet for octet. */
const REQUESTS: Readonly<Record<string, Request>> = {
  'vlan-create': createVlanRequest(P0, 2, 'p0.2'),
  'link-up': linkUpRequest(P0, true),
  'link-down': linkUpRequest(P0, false),
  'link-mtu': linkMtuRequest(P0, 1400),
  'link-addrgenmode': addrGenModeRequest(P0, 'none'),
  'link-delete': deleteLinkRequest(P0),
  'address4-add': addAddressRequest({ ifindex: P0, ip: ip('192.0.2.1'), lenBits: 24 }),
  'address6-add-nodad': addAddressRequest({ ifindex: P0, ip: ip('2001:db8::1'), lenBits: 64, noDad: true }),
  'address6-add-noprefixroute': addAddressRequest({
    ifindex: P0,
    ip: ip('2001:db8::2'),
    lenBits: 64,
    noDad: true,
    noPrefixRoute: true,
  }),
  'address4-delete': deleteAddressRequest({ ifindex: P0, ip: ip('192.0.2.1'), lenBits: 24 }),
  'route4-add': addRouteRequest({ dst: prefix('198.51.100.0/24'), ifindex: P0 }),
  'route4-delete': deleteRouteRequest({ dst: prefix('198.51.100.0/24'), ifindex: P0 }),
  'route4-add-default-metric': addRouteRequest({
    dst: prefix('0.0.0.0/0'),
    ifindex: P0,
    gateway: ip('192.0.2.254'),
    metric: 50,
  }),
  'route6-add': addRouteRequest({ dst: prefix('64:ff9b::/96'), ifindex: P0 }),
  'route6-add-table': addRouteRequest({
    dst: prefix('2001:db8:5::/48'),
    ifindex: P0,
    gateway: ip('2001:db8::9'),
    table: 1000,
  }),
}

for (const [name, request] of Object.entries(REQUESTS))
  test(`same octets as iproute2: ${name}`, () => {
    assert.equal(Buffer.from(encodeMessage(acknowledged(request), 0)).toString('hex'), golden(name))
  })

test('every recorded vector is used', () => {
  const recorded = readdirSync(directory)
    .filter((file) => file.endsWith('.hex') && !file.startsWith('answer-'))
    .map((file) => file.replace(/\.hex$/, ''))
  assert.deepEqual(recorded.toSorted(), Object.keys(REQUESTS).toSorted())
})
