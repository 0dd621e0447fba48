import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { converged, siteStatus } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { until } from '../harness/until.ts'

/** What an owner can get wrong, and the three things that the answer has to say. */
const MISTAKES = [
  {
    what: 'a NAT64 prefix of impossible length',
    from: '64:ff9b::/96',
    to: '64:ff9b::/72',
    says: [/line 14|:14[:\s]/, /pref64/, /64:ff9b::\/72/, /32, 40, 48, 56, 64 or 96/],
  },
  {
    what: 'a field that does not exist',
    from: '  router: ::1',
    to: '  ruoter: ::1',
    says: [/line 6|:6[:\s]/, /lan\.ruoter|ruoter/],
  },
  {
    what: 'broken YAML',
    from: 'lan:',
    to: 'lan: {',
    says: [/line \d+|:\d+[:\s]/],
  },
] as const

/** A document with a mistake: nothing is applied, the site stays up, and the console says where, what and how. */
export function documentSuite(site: SiteUnderTest): void {
  const { home, stack } = site

  describe('a site document with a mistake', () => {
    for (const { what, from, to, says } of MISTAKES) {
      it(what, async () => {
        const good = await site.readDocument()
        const { revision } = await siteStatus(stack)
        assert.ok(good.includes(from))
        await site.writeDocument(good.replace(from, to))
        const problem = await until(
          'the console names the mistake',
          20,
          async () => (await siteStatus(stack)).document?.problem,
        )
        for (const pattern of says) assert.match(problem, pattern)
        const status = await siteStatus(stack)
        assert.equal(status.revision, revision, 'nothing was published')
        assert.ok(
          status.services.every((service) => service.state === 'ok'),
          'no service noticed',
        )
        assert.equal((await home.client.type('curl -s -m 5 http://www.example/')).code, 0, 'the site is up')
        await site.writeDocument(good)
        await until(
          'the console is content again',
          20,
          async () => (await siteStatus(stack)).document?.problem === undefined || undefined,
        )
        await converged(stack)
      })
    }
  })
}
