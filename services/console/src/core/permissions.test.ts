import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SERVICE_NAMES, type ServiceName } from '@sixgate/bus/names'
import { authConf, permissionsOf } from './permissions.ts'

/** Whether a NATS pattern covers a subject; in a subject `*` and `>` are tokens like others. */
const covers = (pattern: string, subject: string): boolean => {
  const patterns = pattern.split('.')
  const tokens = subject.split('.')
  const restAt = patterns.indexOf('>')
  if (restAt === -1 ? patterns.length !== tokens.length : tokens.length <= restAt) return false
  return patterns.every(
    (token, index) => index >= tokens.length || token === '*' || token === '>' || token === tokens[index],
  )
}

const may = (service: ServiceName, verb: 'publish' | 'subscribe', subject: string): boolean =>
  permissionsOf(service)[verb].some((pattern) => covers(pattern, subject))

const allWho = (verb: 'publish' | 'subscribe', subject: string): readonly ServiceName[] =>
  SERVICE_NAMES.filter((service) => may(service, verb, subject))

const EVERYONE = SERVICE_NAMES
const NOBODY: readonly ServiceName[] = []

const TABLE: readonly (readonly [string, 'publish' | 'subscribe', string, readonly ServiceName[]])[] = [
  ['publish the document', 'publish', '$KV.site.document', ['console']],
  ['publish another key of site', 'publish', '$KV.site.other', NOBODY],
  ['report as nat64', 'publish', '$KV.status.nat64.abc', ['nat64']],
  ['report as console', 'publish', '$KV.status.console.abc', ['console']],
  ['mark that the site goes down', 'publish', '$KV.status.site.stopping', ['console']],
  ['ask for that mark', 'publish', '$JS.API.DIRECT.GET.KV_status.$KV.status.site.stopping', EVERYONE],
  ['read reports', 'publish', '$JS.API.DIRECT.GET.KV_status.$KV.status.dns64.abc', ['console']],
  ['take a pool address', 'publish', '$KV.hosts.198-18-0-1', ['nat64']],
  ['read a pool address', 'publish', '$JS.API.DIRECT.GET.KV_hosts.$KV.hosts.198-18-0-1', ['nat64']],
  ['follow the pool', 'publish', '$JS.API.CONSUMER.CREATE.KV_hosts.x.$KV.hosts.>', ['nat64', 'console']],
  ['follow the document', 'publish', '$JS.API.CONSUMER.CREATE.KV_site.x.$KV.site.>', EVERYONE],
  ['follow all reports', 'publish', '$JS.API.CONSUMER.CREATE.KV_status.x.$KV.status.>', ['ra-advertiser', 'console']],
  ['take the lease of ra-advertiser', 'publish', '$KV.leases.ra-advertiser', ['ra-advertiser']],
  ['take the lease of ra-advertiser at a gateway', 'publish', '$KV.leases.ra-advertiser.a', ['ra-advertiser']],
  ['take the lease of the console that publishes', 'publish', '$KV.leases.console', ['console']],
  ['mark that a gateway goes down', 'publish', '$KV.status.site.stopping.a', ['console']],
  ['ask for the mark of a gateway', 'publish', '$JS.API.DIRECT.GET.KV_status.$KV.status.site.stopping.a', EVERYONE],
  ['take the lease of nat44-firewall', 'publish', '$KV.leases.nat44-firewall', ['nat44-firewall']],
  ['make a bucket', 'publish', '$JS.API.STREAM.CREATE.KV_site', ['console']],
  ['make any other stream', 'publish', '$JS.API.STREAM.CREATE.other', NOBODY],
  ['delete a bucket', 'publish', '$JS.API.STREAM.DELETE.KV_site', NOBODY],
  ['take marks out of the pool', 'publish', '$JS.API.STREAM.PURGE.KV_hosts', ['console']],
  ['purge another bucket', 'publish', '$JS.API.STREAM.PURGE.KV_site', NOBODY],
  ['delete one message', 'publish', '$JS.API.STREAM.MSG.DELETE.KV_site', NOBODY],
  ['copy a stream elsewhere', 'publish', '$JS.API.STREAM.SNAPSHOT.KV_site', NOBODY],
  ['a durable consumer', 'publish', '$JS.API.CONSUMER.DURABLE.CREATE.KV_site.x', NOBODY],
  ['ask all services', 'publish', '$SRV.PING', ['console']],
  ['answer for dns64', 'subscribe', '$SRV.PING.dns64', ['dns64']],
  ['answer for all', 'subscribe', '$SRV.PING', EVERYONE],
  ['listen to answers of nat64', 'subscribe', '_INBOX_nat64.x.y', ['nat64']],
  ['listen to answers of anyone', 'subscribe', '_INBOX.x', NOBODY],
  ['listen to writes', 'subscribe', '$KV.hosts.198-18-0-1', NOBODY],
  ['the system account', 'subscribe', '$SYS.ACCOUNT.x', NOBODY],
]

describe('who may', () => {
  for (const [what, verb, subject, who] of TABLE) {
    it(`${what}: ${who.length === EVERYONE.length ? 'everyone' : who.join(', ') || 'nobody'}`, () => {
      assert.deepEqual(allWho(verb, subject), who)
    })
  }
})

describe('auth.conf', () => {
  const keys = Object.fromEntries(SERVICE_NAMES.map((service, index) => [service, `U${index}`])) as Record<
    ServiceName,
    string
  >

  it('has a user for each service', () => {
    const users = [...authConf(keys).matchAll(/\{ # (\S+)\n\s+nkey: (\S+)/g)].map(([, service, key]) => [service, key])
    assert.deepEqual(Object.fromEntries(users), keys)
  })

  it('puts each user into an account of its own, and only that of the console has JetStream', () => {
    const accounts = [
      ...authConf(keys).matchAll(/^ {2}(\S+): \{\n(?: {4}(jetstream): enabled\n)? {4}users: \[ \{ # (\S+)/gm),
    ]
    assert.deepEqual(
      Object.fromEntries(accounts.map(([, account, jetstream, user]) => [user, [account, jetstream]])),
      Object.fromEntries(
        SERVICE_NAMES.map((service) => [service, service === 'console' ? ['site', 'jetstream'] : [service, undefined]]),
      ),
    )
  })

  it('is the same text whenever the keys are the same, so that NATS has no reason to reload', () => {
    const reversed = Object.fromEntries(Object.entries(keys).toReversed()) as Record<ServiceName, string>
    assert.equal(authConf(keys), authConf(reversed))
  })
})
