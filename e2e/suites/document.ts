import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { converged, instancesOf, type SiteStatus, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until } from '../harness/until.ts'

/** What an owner can get wrong, and what the answer has to say: where, what came, what is allowed. */
const MISTAKES = [
  {
    what: 'a NAT64 prefix of impossible length',
    from: '64:ff9b::/96',
    to: '64:ff9b::/72',
    says: [/site\.yaml:12:/, /pref64/, /64:ff9b::\/72/, /32, 40, 48, 56, 64 or 96/],
  },
  {
    what: 'a field that does not exist',
    from: '  router: ::1',
    to: '  ruoter: ::1',
    says: [/site\.yaml:6:/, /lan\.ruoter/],
  },
  {
    what: 'broken YAML',
    from: 'pref64:\n',
    to: 'pref64: [\n',
    says: [/site\.yaml:\d+:\d+/],
  },
] as const

const DATA_PLANE = ['ra-advertiser', 'dns64', 'nat64', 'nat44-firewall']

const mistakeOf = (status: SiteStatus): string | undefined =>
  instancesOf(status, 'console')
    .flatMap(({ problems }) => problems)
    .find(({ code }) => code === 'document-invalid')?.message

/** A document with a mistake: nothing is applied, the site stays up, and the console says where, what and how. */
export function documentSuite(site: SiteUnderTest): void {
  const { home, stack } = site

  describe('a site document with a mistake', () => {
    for (const { what, from, to, says } of MISTAKES) {
      it(what, async () => {
        const good = await site.readDocument()
        const { revision } = await converged(stack)
        assert.ok(good.includes(from))
        await site.writeDocument(good.replace(from, to))
        try {
          const message = await until('the console names the mistake', 20, async () =>
            mistakeOf(await siteStatus(stack)),
          )
          for (const pattern of says) assert.match(message, pattern)
          const status = await siteStatus(stack)
          assert.equal(status.revision, revision, 'nothing was published')
          for (const service of DATA_PLANE) {
            const states = instancesOf(status, service).map((instance) => [instance.state, instance.revision])
            assert.deepEqual(states, [['ok', revision]], service)
          }
          assert.equal((await home.client.type('curl -s -m 5 http://www.example/')).code, 0, 'the site is up')
          const logs = await stack.compose(['logs', '--no-log-prefix', 'console'])
          assert.match(logs, /nothing was changed/)
        } finally {
          await site.writeDocument(good)
        }
        await converged(stack)
      })
    }
  })

  describe('a well-formed document that a service refuses', () => {
    it('is put back to the one before it, with the reason; corrected, it is published', async () => {
      const good = await site.readDocument()
      const { revision } = await converged(stack)
      assert.ok(good.includes(UPSTREAMS))
      await site.writeDocument(good.replace(UPSTREAMS, `upstreams: ["${ROUTER}"]`))
      try {
        const message = await until(
          'the console says that it was put back',
          20,
          async () =>
            instancesOf(await siteStatus(stack), 'console')
              .flatMap(({ problems }) => problems)
              .find(({ code }) => code === 'document-put-back')?.message,
        )
        assert.match(message, /dns64 \w+: revision \d+: dns64\.upstreams.*fd00:6:4::1/s)
        const status = await until('everybody runs the one before it again', 20, async () => {
          const now = await siteStatus(stack)
          const well = DATA_PLANE.every((service) =>
            instancesOf(now, service).every((one) => one.state === 'ok' && one.revision === now.revision),
          )
          return well ? now : undefined
        })
        assert.ok(status.revision >= revision + 2, 'published, and put back')
        assert.equal((await home.client.type('curl -s -m 5 http://www.example/')).code, 0, 'the site is up')
      } finally {
        await site.writeDocument(good)
      }
      await converged(stack)
    })
  })
}

const UPSTREAMS = 'upstreams: auto'
/** The name server of the site itself: asking it would be a loop. */
const ROUTER = 'fd00:6:4::1'
