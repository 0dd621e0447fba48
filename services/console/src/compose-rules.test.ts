/** What SECURITY.md says of all containers, read from docker-compose.yml itself. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'

/** A mount in compose's long form. */
interface Mount {
  readonly type: string
  readonly source: string
  readonly target: string
  readonly read_only?: boolean
}

interface Container {
  readonly [key: string]: unknown
  readonly cap_add?: readonly string[]
  readonly devices?: readonly string[]
  readonly volumes?: readonly (string | Mount)[]
}

const { services } = parse(readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8'), {
  merge: true,
}) as {
  readonly services: Readonly<Record<string, Container>>
}

/** Mounts in compose's short form: `source:target`, with `:ro` behind it. */
const mountsOf = ({ volumes = [] }: Container): readonly string[] =>
  volumes.map((volume) =>
    typeof volume === 'string' ? volume : `${volume.source}:${volume.target}${volume.read_only === true ? ':ro' : ''}`,
  )

/** The one file of the host that a container may write: the site document, by the console. Nothing beside it, root runs scripts there. */
const WRITABLE: Readonly<Record<string, readonly string[]>> = {
  console: ['${SIXGATE_SITE_DIR:-./deploy}/site.yaml:/site-write/site.yaml'],
}

/** These are on no network at all. */
const OFF_THE_NETWORK = ['keys', 'uplink-dns']
/** These do not talk to NATS. */
const WITHOUT_KEY = ['uplink-dns', 'validator']

/** Everything beyond the rule for all. */
const MORE: Readonly<Record<string, { readonly caps: readonly string[]; readonly devices?: readonly string[] }>> = {
  keys: { caps: [] },
  nats: { caps: [] },
  'ra-advertiser': { caps: ['NET_ADMIN', 'NET_RAW'] },
  dns64: { caps: ['NET_BIND_SERVICE'] },
  'uplink-dns': { caps: [] },
  validator: { caps: [] },
  nat64: { caps: ['NET_ADMIN'], devices: ['/dev/net/tun'] },
  'nat44-firewall': { caps: ['NET_ADMIN', 'NET_RAW'] },
  console: { caps: [] },
}

test('every container: no privileges, no ports, nothing of the host but what is listed', () => {
  assert.deepEqual(Object.keys(services).toSorted(), Object.keys(MORE).toSorted())
  for (const [name, container] of Object.entries(services)) {
    const { caps, devices } = MORE[name] ?? assert.fail(name)
    assert.deepEqual(
      {
        read_only: container['read_only'],
        cap_drop: container['cap_drop'],
        security_opt: container['security_opt'],
        privileged: container['privileged'],
        ports: container['ports'],
        pid: container['pid'],
        network_mode: container['network_mode'],
        cap_add: container.cap_add ?? [],
        devices: container.devices,
      },
      {
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        privileged: undefined,
        ports: undefined,
        pid: undefined,
        network_mode: OFF_THE_NETWORK.includes(name) ? 'none' : 'host',
        cap_add: caps,
        devices,
      },
      name,
    )
    const ofHost = mountsOf(container).filter((volume) => /^[./$]/.test(volume))
    const allowed = /^(\/proc\/sys\/net:\/host\/proc\/sys\/net|.*:ro)$/
    assert.deepEqual(
      ofHost.filter((volume) => !allowed.test(volume) || volume.includes('docker.sock')),
      WRITABLE[name] ?? [],
      name,
    )
  }
})

test('a key is mounted into its own container only, read-only', () => {
  for (const [name, container] of Object.entries(services)) {
    const keys = mountsOf(container).filter((volume) => volume.startsWith('keys-'))
    if (name === 'keys') continue
    const expected = WITHOUT_KEY.includes(name)
      ? []
      : name === 'nats'
        ? ['keys-nats:/etc/nats/keys:ro']
        : [`keys-${name}:/run/keys:ro`]
    assert.deepEqual(keys, expected, name)
  }
})
