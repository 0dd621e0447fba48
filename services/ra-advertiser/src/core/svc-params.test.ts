import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeSvcParams } from './svc-params.ts'

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const hex = (text: string): string => text.replaceAll(/\([^)]*\)|\s/g, '')

test('RFC 9460 §2.2, §7.1: alpn alone', () => {
  assert.equal(
    toHex(encodeSvcParams({ alpn: ['dot'], port: undefined, dohPath: undefined })),
    hex('(alpn) 0001 0004 03 646f74'),
  )
})

test('RFC 9460 §2.2: keys ascend; RFC 9461 §5: dohpath', () => {
  assert.equal(
    toHex(encodeSvcParams({ alpn: ['h2', 'h3'], port: 8443, dohPath: '/q{?dns}' })),
    hex('(alpn) 0001 0006 02 6832 02 6833 (port) 0003 0002 20fb (dohpath) 0007 0008 2f717b3f646e737d'),
  )
})
