import assert from 'node:assert/strict'
import { test } from 'node:test'
import { billOfMaterials } from './bill-of-materials.ts'

const IMAGE = { name: 'sixgate/nat64', version: '0.1.0', id: `sha256:${'0123456789abcdef'.repeat(4)}`, arch: 'arm64' }
const DPKG = 'libatomic1\t14.2.0-19\tarm64\tgcc-14\nlibstdc++6\t1:14.2~x\tarm64\tgcc-14\n'

test('packages of npm and Debian, Node, and the image itself', () => {
  const npm = { bomFormat: 'CycloneDX', specVersion: '1.5', metadata: {}, components: [{ name: 'zod' }] }
  const bom = billOfMaterials(npm, '26.10.0', DPKG, IMAGE)
  assert.deepEqual(
    bom.components.map((component) => (component as { name: string }).name),
    ['node', 'zod', 'libatomic1', 'libstdc++6'],
  )
  assert.deepEqual(bom.components[3], {
    type: 'library',
    'bom-ref': 'pkg:deb/debian/libstdc%2B%2B6@1%3A14.2~x?arch=arm64',
    name: 'libstdc++6',
    version: '1:14.2~x',
    purl: 'pkg:deb/debian/libstdc%2B%2B6@1%3A14.2~x?arch=arm64',
    properties: [{ name: 'debian:source', value: 'gcc-14' }],
  })
  assert.equal(bom['serialNumber'], 'urn:uuid:01234567-89ab-8def-8123-456789abcdef')
  assert.equal((bom.metadata as { component: { version: string } }).component.version, '0.1.0')
})

test('an image without Node has neither it nor packages of npm', () => {
  const bom = billOfMaterials(undefined, undefined, DPKG, IMAGE)
  assert.equal(bom.components.length, 2)
  assert.equal(bom['bomFormat'], 'CycloneDX')
})

test('a line that is none of a package is told', () => {
  assert.throws(() => billOfMaterials(undefined, undefined, 'libatomic1 14', IMAGE), /dpkg-query: "libatomic1 14"/)
})
