import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { it } from 'node:test'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { WAN_ADDRESS } from '../topologies/home.ts'
import { ROUTER } from '../transcript/facts.ts'

const PORT = 8443
const PAGE = `https://[${ROUTER}]:${PORT}`
const PASSWORD = 'only for this site'
/** The status stands behind the body. */
const CURL = `curl -s -m 10 -w '\\n%{http_code}'`

/** Asks the API of the page as its owner, from the client: sets the password, or logs in where it is set. */
export const askPage = async ({ home, stack }: SiteUnderTest, path: string): Promise<unknown> => {
  const { code } = JSON.parse((await stack.sixgate(['web', '--json'])).stdout) as { code: string | null }
  const [route, body] = code === null ? ['login', { password: PASSWORD }] : ['setup', { code, password: PASSWORD }]
  const headers = `-H 'content-type: application/json' -H 'origin: ${PAGE}'`
  const jar = '/tmp/ask-page.cookies'
  const entered = await home.client.type(
    `${CURL} -k -c ${jar} ${headers} -d '${JSON.stringify(body)}' ${PAGE}/api/v1/${route}`,
  )
  assert.match(entered.output, /"isOwner":true/)
  const { output } = await home.client.type(`${CURL} -k -b ${jar} ${PAGE}/api/v1/${path}`)
  assert.match(output, /\n200$/)
  return JSON.parse(output.slice(0, output.lastIndexOf('\n')))
}

/** The console's page through the real containers: for the LAN, after its first visit, and for nobody else. */
export function pageSuite(site: SiteUnderTest): void {
  const { home, stack } = site
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

  it('the newest DNS queries are shown with the reason of their answers, without who asked', async () => {
    await client.type('getent ahostsv6 www.example')
    const { output } = await client.type(
      `${CURL} -k -b /tmp/page.cookies '${PAGE}/api/v1/dns/queries?name=www.example&type=AAAA'`,
    )
    const [json = ''] = output.split('\n').filter((line) => line.startsWith('{'))
    const { kept, queries } = JSON.parse(json) as {
      kept: string
      queries: readonly { client: unknown; name: string; reason: string }[]
    }
    assert.equal(kept, 'names')
    assert.deepEqual([queries[0]?.client, queries[0]?.name, queries[0]?.reason], [null, 'www.example.', 'synthesised'])
    const top = await stack.sixgate(['dns', 'top', '--json'])
    const { names } = JSON.parse(top.stdout) as { names: readonly { name: string }[] }
    assert.ok(
      names.some(({ name }) => name === 'www.example.'),
      top.stdout,
    )
  })

  it('an edit is written into the file of the owner with its comments, comes into force, and goes when it is taken back', async () => {
    // Other suites replaced the file as editors do: the console says so until it is started again.
    await stack.compose(['restart', 'console'])
    const { revision } = await converged(stack)
    const before = await site.readDocument()
    const text = `# by the page\n${before.replace('linkMtu: 1500', 'linkMtu: 1480')}`
    assert.ok(text.includes('linkMtu: 1480'))
    const post = async (path: string, body: unknown, cookies = '-b'): Promise<string> => {
      // By a file: a document has quotes of every kind.
      const encoded = Buffer.from(JSON.stringify(body)).toString('base64')
      const headers = `-H 'content-type: application/json' -H 'origin: ${PAGE}'`
      const send = `${CURL} -k ${cookies} /tmp/page.cookies ${headers} --data-binary @/tmp/page.body ${PAGE}/api/v1/${path}`
      return (await client.type(`echo ${encoded} | base64 -d > /tmp/page.body; ${send}`)).output
    }
    assert.match(await post('login', { password: PASSWORD }, '-c'), /"isOwner":true[^]*\n200/)
    assert.match(await post('config/apply', { text, expected: before, confirmS: 300 }), /"confirmUntilMs":\d+[^]*\n200/)
    assert.equal(await site.readDocument(), text)
    const { revision: edited } = await converged(stack, revision)
    assert.match(await post('config/rollback', {}), /"confirmUntilMs":null[^]*\n200/)
    assert.equal(await site.readDocument(), before)
    await converged(stack, edited)
    const history = await stack.sixgate(['config', 'history', '--json'])
    assert.match(history.stdout, /"who": "page"/)
  })

  it('the WAN does not get it', async () => {
    const { output } = await internet.type(`${CURL} -k https://${WAN_ADDRESS}:${PORT}/; echo "code $?"`)
    // 7: refused, 28: timed out
    assert.match(output, /\n000\s*code (7|28)/)
  })
}
