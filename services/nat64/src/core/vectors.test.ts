/** Golden vectors: the files in testdata/ against the translator, and the tables against the files. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CoreLab } from '../testkit/core-lab.ts'
import { faultOf } from '../testkit/packet-checker.ts'
import { VECTORS } from '../testkit/vectors/all.ts'
import { presentFiles, readVector, vectorFiles } from '../testkit/vectors/files.ts'
import { VNET } from './wire/virtio-net.ts'

const hex = (octets: ArrayLike<number>): string => Buffer.from(Uint8Array.from(octets)).toString('hex')

for (const vector of VECTORS)
  test(`${vector.rfc} ${vector.id}: ${vector.says}`, () => {
    const files = readVector(vector)
    const { verdict, out } = new CoreLab(vector.options).play(files.in)
    assert.deepEqual(out.map(hex), files.out.map(hex))
    assert.equal(verdict, vector.verdict)
  })

test('testdata/ is what the tables say (else: node services/nat64/src/testkit/write-vectors.ts)', () => {
  const files = vectorFiles()
  assert.deepEqual(presentFiles().toSorted(), [...files.keys()].toSorted())
  for (const [file, octets] of files) assert.equal(hex(readFileSync(file)), hex(octets), file)
})

test('every id occurs once', () => {
  const ids = VECTORS.map(({ rfc, id }) => `${rfc}/${id}`)
  assert.equal(new Set(ids).size, ids.length)
})

test('every packet that a vector expects is one that a receiver takes', () => {
  for (const { rfc, id, out } of VECTORS)
    for (const octets of out) {
      // A partial checksum is not for receivers; policy "forward" and RFC 6935 keep UDP without checksum on purpose.
      if (octets[0] === 1 || id === '4.5-udp-checksum-zero-forward') continue
      assert.equal(faultOf(octets.slice(VNET.LEN)), undefined, `${rfc}/${id}`)
    }
})

test('a computed UDP checksum of zero was met in both directions', () => {
  for (const id of ['4.5-udp-zero-result', '5.5-udp-zero-result']) {
    const octets = VECTORS.find((vector) => vector.id === id)?.out[0] ?? assert.fail(id)
    const udp = VNET.LEN + (id.startsWith('4') ? 40 : 20)
    assert.deepEqual(octets.slice(udp + 6, udp + 8), [0xff, 0xff], id)
  }
})
