import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const READER = fileURLToPath(new URL('site-reader.sh', import.meta.url))
const SHIPPED = fileURLToPath(new URL('../site.yaml', import.meta.url))

const directory = mkdtempSync(join(tmpdir(), 'site-reader-'))
after(() => rmSync(directory, { recursive: true }))

const written = (text: string): string => {
  const file = join(directory, 'site.yaml')
  writeFileSync(file, text)
  return file
}

const bash = (script: string, ...argv: string[]): string =>
  execFileSync('bash', ['-euo', 'pipefail', '-c', `source "$0"; ${script}`, READER, ...argv], {
    encoding: 'utf8',
  }).trim()

const opensTcp = (file: string, port: number): boolean =>
  bash('if site_opens_tcp "$1" "$2"; then echo open; else echo closed; fi', file, String(port)) === 'open'

const INBOUND: readonly [title: string, text: string, port: number, open: boolean][] = [
  ['no firewall block', 'lan:\n  interface: eth0\n', 22, false],
  [
    'an empty list whose comment has an example',
    'firewall:\n  inbound: []  # e.g. [{ protocol: tcp, port: 22 }]\n',
    22,
    false,
  ],
  ['flow style', 'firewall:\n  inbound: [{ protocol: tcp, port: 22 }]\n', 22, true],
  ['flow style, keys the other way round', 'firewall:\n  inbound: [{port: 22, protocol: "tcp"}]\n', 22, true],
  ['second of a list', 'firewall:\n  inbound: [{ protocol: udp, port: 53 }, { protocol: tcp, port: 22 }]\n', 22, true],
  [
    'tcp and the port in different entries',
    'firewall:\n  inbound: [{port: 22, protocol: udp}, {protocol: tcp, port: 53}]\n',
    22,
    false,
  ],
  ['a port that only begins so', 'firewall:\n  inbound: [{ protocol: tcp, port: 222 }]\n', 22, false],
  [
    'block style',
    'firewall:\n  inbound:\n    - protocol: tcp\n      port: 22\n    - port: 80\n      protocol: tcp\n',
    80,
    true,
  ],
  ['block style of flow entries', 'firewall:\n  inbound:\n    - { protocol: tcp, port: 22 }\n', 22, true],
  [
    'block style, tcp and the port in different entries',
    'firewall:\n  inbound:\n    - protocol: udp\n      port: 22\n    - protocol: tcp\n      port: 80\n',
    22,
    false,
  ],
  ['another block', 'other:\n  inbound: [{ protocol: tcp, port: 22 }]\nfirewall:\n  mssClamp: true\n', 22, false],
]

for (const [title, text, port, open] of INBOUND) {
  test(`firewall.inbound, tcp ${port}: ${title}: ${open ? 'open' : 'closed'}`, () => {
    assert.equal(opensTcp(written(text), port), open)
  })
}

const VALUES: readonly [title: string, text: string, block: string, key: string, value: string][] = [
  ['plain', 'lan:\n  interface: eth0\n', 'lan', 'interface', 'eth0'],
  ['quoted, with a comment', 'lan:\n  interface: "eth0"  # the port\n', 'lan', 'interface', 'eth0'],
  ['of another block', 'wan:\n  interface: eth0\nlan:\n  interface: eth1\n', 'lan', 'interface', 'eth1'],
  ['commented out', 'lan:\n  # vlan: 2\n  interface: eth0\n', 'lan', 'vlan', ''],
  ['empty but for a comment', 'lan:\n  vlan: # none\n', 'lan', 'vlan', ''],
  ['not there', 'lan:\n  interface: eth0\nwan:\n  vlan: 7\n', 'lan', 'vlan', ''],
]

for (const [title, text, block, key, value] of VALUES) {
  test(`${block}.${key} ${title}: "${value}"`, () => {
    assert.equal(bash('site_value "$@"', written(text), block, key), value)
  })
}

test('the document that ships: LAN port, VLAN, uplink, and SSH closed', () => {
  assert.equal(
    bash('site_value "$1" lan interface; site_value "$1" lan vlan; site_value "$1" wan interface', SHIPPED),
    'eth0\n2\nauto',
  )
  assert.equal(opensTcp(SHIPPED, 22), false)
})
