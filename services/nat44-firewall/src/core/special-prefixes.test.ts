import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overlaps, parseIp4 } from '@sixgate/addr'
import { isPublic4, NEVER4, NEVER6, NOT_GLOBAL4, UNIQUE_LOCAL } from './special-prefixes.ts'

test('RFC 6890: which addresses of an uplink are public', () => {
  for (const [text, isPublic] of [
    ['0.0.0.0', false],
    ['1.1.1.1', true],
    ['9.255.255.255', true],
    ['10.0.0.0', false],
    ['11.0.0.0', true],
    ['100.63.255.255', true],
    ['100.64.0.0', false],
    ['100.127.255.255', false],
    ['127.0.0.1', false],
    ['169.254.1.1', false],
    ['172.15.255.255', true],
    ['172.31.255.255', false],
    ['172.32.0.0', true],
    ['192.0.0.8', false],
    ['192.0.1.0', true],
    ['192.168.255.255', false],
    ['198.19.255.255', false],
    ['203.0.113.7', false],
    ['223.255.255.255', true],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
  ] as const)
    assert.equal(isPublic4(parseIp4(text) ?? assert.fail(text)), isPublic, text)
})

test('no two prefixes of a set overlap, which nft would refuse', () => {
  for (const list of [
    [...NEVER4, ...NOT_GLOBAL4],
    [...NEVER6, ...UNIQUE_LOCAL],
  ])
    for (const [index, prefix] of list.entries())
      for (const other of list.slice(index + 1)) assert.ok(!overlaps(prefix, other))
})
