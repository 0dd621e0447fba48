import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { it } from 'node:test'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { WAN_ADDRESS } from '../topologies/home.ts'
import { ROUTER } from '../transcript/facts.ts'

const PORT = 8443
const PAGE = `https://[${ROUTER}]:${PORT}`
const PASSWORD = 'only for this site'
/** The status stands behind the body. */
const CURL = `curl -s -m 10 -w '\\n%{http_code}'`

/** The console's page through the real containers: for the LAN, after its first visit, and for nobody else. */
export function pageSuite({ home, stack }: SiteUnderTest): void {
  const { client, internet } = home

  it('the LAN gets the page, by a certificate with the fingerprint that sixgate web prints', async () => {
    const { output } = await client.type(`${CURL} -k ${PAGE}/`)
    assert.match(output, /<title>sixgate<\/title>[^]*\n200/)
    const { urls, fingerprint } = JSON.parse((await stack.sixgate(['web', '--json'])).stdout) as {
      urls: string[]
      fingerprint: string
    }
    assert.ok(urls.includes(`${PAGE}/`))
    const seen = await client.type(`curl -s -k -m 10 -o /dev/null -w '%{certs}' ${PAGE}/`)
    const [pem = ''] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(seen.output) ?? []
    assert.equal(new X509Certificate(pem).fingerprint256, fingerprint)
  })

  it('nothing is told before the login; the code of sixgate web sets the password, and hosts are listed', async () => {
    assert.match((await client.type(`${CURL} -k ${PAGE}/api/v1/hosts`)).output, /not-logged-in[^]*\n401/)
    const { code } = JSON.parse((await stack.sixgate(['web', '--json'])).stdout) as { code: string }
    const body = JSON.stringify({ code, password: PASSWORD })
    const headers = `-H 'content-type: application/json' -H 'origin: ${PAGE}'`
    const set = await client.type(`${CURL} -k -c /tmp/page.cookies ${headers} -d '${body}' ${PAGE}/api/v1/setup`)
    assert.match(set.output, /"isOwner":true[^]*\n200/)
    const { output } = await client.type(`${CURL} -k -b /tmp/page.cookies ${PAGE}/api/v1/hosts`)
    assert.match(output, /"ip4":"198\.18\.[^]*\n200/)
    const site = await client.type(`${CURL} -k -b /tmp/page.cookies ${PAGE}/api/v1/site`)
    assert.match(site.output, /"isConverged":true[^]*\n200/)
  })

  it('the WAN does not get it', async () => {
    const { output } = await internet.type(`${CURL} -k https://${WAN_ADDRESS}:${PORT}/; echo "code $?"`)
    // 7: refused, 28: timed out
    assert.match(output, /\n000\s*code (7|28)/)
  })
}
