import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { enterNamespace } from '@sixgate/testkit'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { ROUTES } from '../../src/core/web/routes.ts'
import { PageLab } from '../../src/testkit/page-lab.ts'
import { EMPTY, QUERY, SITE_WITH_FORWARD, speakForAll } from '../../src/testkit/site-answers.ts'
import { readStaticFiles } from '../../src/web/static-files.ts'

const DIST = join(import.meta.dirname, '../dist')
/** Kept after the run, to be looked at. */
const SCREENSHOTS = join(import.meta.dirname, '../../../../.cache/screenshots')
const CHROMIUM = '/usr/bin/chromium'
const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const MAX_GZIPPED_BYTES = 200_000
const PASSWORD = 'correct horse battery'
/** The machine may be busy with other tests. */
const PATIENCE_MS = 60_000

const missing = !existsSync(CHROMIUM)
  ? 'needs chromium: deploy/machine/packages.sh --browser'
  : existsSync(join(DIST, 'index.html'))
    ? false
    : 'the page is not built: make page'
const skip = missing === false ? enterNamespace() : missing

interface View {
  readonly id: string
  readonly title: string
  /** The route that decides its state. */
  readonly route: keyof typeof ROUTES
  /** What it shows of the site. */
  readonly shows: readonly RegExp[]
}

const VIEWS: readonly View[] = [
  {
    id: 'overview',
    title: 'Overview',
    route: 'site',
    shows: [/Revision 1 .* all is well/, /fd00:6:4::\/64/, /1,234 known flows/],
  },
  { id: 'throughput', title: 'Throughput', route: 'throughput', shows: [/out, kernel/, /in, TypeScript/] },
  {
    id: 'hosts',
    title: 'Hosts',
    route: 'hosts',
    shows: [/printer\.home\.arpa/, /198\.18\.0\.7/, /02:00:00:00:00:11/, /1\.50 MB/],
  },
  { id: 'dns', title: 'DNS', route: 'explain', shows: [/Why is the answer/] },
  {
    id: 'queries',
    title: 'Queries',
    route: 'dnsQueries',
    shows: [/printer\.home\.arpa/, /www\.example\./, /made from the A records/, /30\.1 ms/, /gone\.example\./],
  },
  { id: 'names', title: 'Top names', route: 'dnsTop', shows: [/1,234/, /www\.example\./] },
  { id: 'routers', title: 'Routers', route: 'routers', shows: [/64:ff9b::\/96/, /fe80::9/, /another router/] },
  { id: 'firewall', title: 'Firewall', route: 'firewall', shows: [/tcp 8080/, /lan-web/] },
  { id: 'drops', title: 'Drops', route: 'drops', shows: [/hop limit was over/] },
  { id: 'events', title: 'Events', route: 'events', shows: [/revision 1/i] },
  { id: 'config', title: 'Config', route: 'config', shows: [/site\.yaml, revision 1/] },
  {
    id: 'history',
    title: 'History',
    route: 'history',
    shows: [/Revisions of the site document/, /confirmed|has to prove itself/, /^file$/],
  },
  { id: 'access', title: 'Access', route: 'tokens', shows: [/There are no tokens/] },
]

const state = (page: Page, name: string) => page.locator(`[data-state=${name}]`)

/** What axe finds against WCAG 2.1 A and AA and its own good practice, in words. */
const violations = async (page: Page): Promise<unknown> => {
  await page.evaluate(AXE)
  return await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html + ' ' + failureSummary)))`,
  )
}

it('the built page is smaller than 200 kB when it travels', { skip: missing }, () => {
  const files = [...new Set(readStaticFiles(DIST).values())]
  const bytes = files.reduce((sum, file) => sum + (file.gzipped ?? file.bytes).length, 0)
  assert.ok(files.length >= 4)
  assert.ok(bytes < MAX_GZIPPED_BYTES, `${bytes} octets`)
})

describe('the page in Chromium', { skip }, () => {
  let lab: PageLab
  let browser: Browser
  let context: BrowserContext
  let page: Page
  const foreign: string[] = []
  const complaints: string[] = []

  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true })
    lab = await PageLab.start(SITE_WITH_FORWARD)
    execFileSync('ip', ['address', 'add', 'fd00:6:4::1/64', 'dev', 'lo', 'nodad'])
    await lab.console.waitFor(/web: https:\/\/\[fd00:6:4::1\]:8443\//)
    await speakForAll(lab)
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      timeout: PATIENCE_MS,
    })
    // The certificate is the console's own.
    const baseURL = 'https://[fd00:6:4::1]:8443'
    context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL, reducedMotion: 'reduce' })
    context.setDefaultTimeout(PATIENCE_MS)
    page = await context.newPage()
    page.on('request', (request) => {
      if (!request.url().startsWith(`${baseURL}/`)) foreign.push(request.url())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      // Chromium tells of every answer that is no 2xx; those are tested for themselves.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text())
    })
  })
  after(async () => {
    await browser?.close()
    await lab?.[Symbol.asyncDispose]()
  })

  /** Another page in between: a changed fragment alone would leave the view as it is. */
  const open = async (id: string): Promise<void> => {
    await page.goto('/icon.svg')
    await page.goto(`/#/${id}`)
  }

  it('first visit by keyboard alone: a wrong code is told, then the password is set and the overview is there', async () => {
    await page.goto('/')
    await page.getByLabel('Code').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'setup-light.png'), fullPage: true })
    assert.deepEqual(await violations(page), [])
    const fill = async (code: string): Promise<void> => {
      await page.getByLabel('Code').focus()
      for (const text of [code, PASSWORD, PASSWORD]) {
        await page.keyboard.press('ControlOrMeta+a')
        await page.keyboard.type(text)
        await page.keyboard.press('Tab')
      }
      await page.keyboard.press('Enter')
    }
    await fill('aaaa-aaaa-aaaa')
    await page.getByText('this is not the code').waitFor()
    await fill(lab.setupCode)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    assert.equal((await context.cookies())[0]?.httpOnly, true)
    assert.equal(await page.evaluate('document.cookie'), '')
  })

  it('the keyboard goes to the content, and from view to view', async () => {
    await page.getByRole('link', { name: 'Skip to content' }).focus()
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate('document.activeElement.id'), 'main')
    await page.getByRole('link', { name: 'Hosts' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Hosts' }).waitFor()
    assert.equal(await page.getByRole('link', { name: 'Hosts' }).getAttribute('aria-current'), 'page')
    assert.match(await page.title(), /^Hosts/)
  })

  for (const { id, title, route, shows } of VIEWS) {
    const url = `**${ROUTES[route].path}*`

    it(`${title}: shows the site; light, dark and on a telephone, nothing that axe would find`, async () => {
      await open(id)
      await page.getByRole('heading', { name: title, level: 1 }).waitFor()
      for (const text of shows) await page.locator('main').getByText(text).first().waitFor()
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.screenshot({ path: join(SCREENSHOTS, `${id}-${colorScheme}.png`), fullPage: true })
        assert.deepEqual(await violations(page), [], `${title}, ${colorScheme}`)
      }
      await page.emulateMedia({ colorScheme: 'light' })
      await page.setViewportSize({ width: 390, height: 844 })
      await page.screenshot({ path: join(SCREENSHOTS, `${id}-telephone.png`), fullPage: true })
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
      assert.ok(width <= 390, `${title}: ${width} px wide`)
      const strays = await page.evaluate(`[...document.querySelectorAll('td > *')].filter((part) =>
        part.getBoundingClientRect().left < part.parentElement.getBoundingClientRect().left + 100).map((part) => part.outerHTML)`)
      assert.deepEqual(strays, [], `${title}: what stands below its label instead of beside it`)
      await page.setViewportSize({ width: 1280, height: 720 })
    })

    it(`${title}: says that it loads, that it failed and why, and that there is nothing`, async () => {
      let release = (): void => undefined
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      await page.route(url, async (asked) => {
        await held
        const error = { code: 'nats-away', message: 'NATS is away, for this test' }
        await asked.fulfill({ status: 503, json: { error } })
      })
      await open(id)
      if (id === 'dns') {
        await state(page, 'empty').waitFor()
        await page.getByLabel('Name', { exact: true }).fill('www.example')
        await page.getByRole('button', { name: 'Explain' }).click()
      }
      await state(page, 'loading').waitFor()
      release()
      await state(page, 'error').waitFor()
      assert.match(String(await state(page, 'error').textContent()), /NATS is away, for this test/)
      await page.unroute(url)
      if (id === 'dns') return
      const empty = EMPTY[route]
      assert.ok(ROUTES[route].answer.safeParse(empty).success, 'an answer that the API could give')
      await page.route(url, async (asked) => await asked.fulfill({ json: empty }))
      await open(id)
      await state(page, 'empty').waitFor()
      await page.unroute(url)
    })
  }

  it('of two gateways: which one each instance runs on, and which one answers', async () => {
    const answer = ROUTES.site.answer.parse(await (await page.request.get('/api/v1/site')).json())
    const at = (gateway: string, state: 'ok' | 'gone') =>
      answer.instances.map((one) => ({ ...one, gateway, instance: `${gateway}-1`, state }))
    const json = { ...answer, here: 'b', isConverged: false, instances: [...at('a', 'gone'), ...at('b', 'ok')] }
    await page.route('**/api/v1/site', async (asked) => await asked.fulfill({ json }))
    await open('overview')
    await page.getByText('a: gone, b: ok').first().waitFor()
    assert.match(String(await page.getByLabel('Instances of gateway a').textContent()), /^Gateway a.*dns64 a-1 gone/)
    assert.match(
      String(await page.getByLabel('Instances of gateway b').textContent()),
      /^Gateway b \(this one\).*dns64 b-1 ok/,
    )
    await page.screenshot({ path: join(SCREENSHOTS, 'overview-two-gateways.png'), fullPage: true })
    assert.deepEqual(await violations(page), [])
    await page.unroute('**/api/v1/site')
  })

  it('says why a name has the answer that it has', async () => {
    await open('dns')
    await page.getByLabel('Name', { exact: true }).fill('www.example')
    await page.getByRole('button', { name: 'Explain' }).click()
    await page.getByText('it is so').waitFor()
  })

  it('queries are filtered by a part of the name and by the answer, and lead to why', async () => {
    await open('queries')
    const rows = page.locator('main tbody tr')
    await page.getByText('gone.example.').waitFor()
    assert.equal(await rows.count(), 2)
    await page.getByLabel('Answer').selectOption('NXDOMAIN')
    await page.getByText(/^1 newest/).waitFor()
    assert.match(String(await rows.textContent()), /gone\.example\..*NXDOMAIN/)
    await page.getByLabel('Part of the name').fill('nothing')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByText('No query that is kept is like that.').waitFor()
    await page.getByLabel('Part of the name').fill('www')
    await page.getByLabel('Answer').selectOption('any')
    await page.getByRole('link', { name: 'www.example.' }).click()
    await page.getByText('it is so').waitFor()
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'www.example.')
    assert.equal(await page.getByLabel('Type').inputValue(), 'AAAA')
  })

  it('a document that keeps no queries, and one that does not keep who asked, are told', async () => {
    const url = '**/api/v1/dns/queries*'
    await page.route(url, async (asked) => await asked.fulfill({ json: { ...EMPTY.dnsQueries, kept: 'off' } }))
    await open('queries')
    await page.getByText('dns64.queryLog is off').waitFor()
    await page.unroute(url)
    const query = { ...QUERY, client: null, clientName: null }
    const json = { ...EMPTY.dnsQueries, kept: 'names', queries: [query] }
    await page.route(url, async (asked) => await asked.fulfill({ json }))
    await open('queries')
    await page.getByText('Who asked is not kept').waitFor()
    assert.equal(await page.getByRole('columnheader', { name: 'Who asked' }).count(), 0)
    await page.unroute(url)
  })

  it('an answer that does not come leaves the older one there, and says so', async () => {
    await open('drops')
    await page.getByText('hop limit was over').waitFor()
    await page.route('**/api/v1/drops', async (asked) => await asked.abort())
    await state(page, 'stale').waitFor()
    assert.equal(await page.getByText('hop limit was over').isVisible(), true)
    await page.unroute('**/api/v1/drops')
  })

  it('an edit: its mistake with the line, its changes, a countdown; taken back, then kept, with the comments', async () => {
    await open('config')
    const editor = page.getByLabel('site.yaml')
    await editor.waitFor()
    const before = await editor.inputValue()
    await editor.fill(`# mine\n${before.replace('64:ff9b::/96', '64:ff9b::/72')}`)
    await page.getByRole('button', { name: 'Check' }).click()
    await page.getByText(/line \d+, column \d+: pref64\[0\].*length must be/).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Apply' }).count(), 0)
    await editor.fill(`# mine\n${before}`)
    await page.getByRole('button', { name: 'Check' }).click()
    await page.getByText('+ # mine').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.getByText(/comes back in \d+ s/).waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'config-countdown.png'), fullPage: true })
    assert.deepEqual(await violations(page), [])
    assert.equal(readFileSync(lab.site.siteFile, 'utf8'), `# mine\n${before}`)
    await page.getByRole('button', { name: 'Take it back' }).click()
    await page.getByText(/comes back in/).waitFor({ state: 'detached' })
    assert.equal(readFileSync(lab.site.siteFile, 'utf8'), before)
    await editor.fill(`# mine\n${before}`)
    await page.getByRole('button', { name: 'Check' }).click()
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.getByRole('button', { name: 'Keep it' }).click()
    await page.getByText(/comes back in/).waitFor({ state: 'detached' })
    assert.equal(readFileSync(lab.site.siteFile, 'utf8'), `# mine\n${before}`)
  })

  it('an earlier revision comes back through the editor, checked and confirmed like any edit', async () => {
    await open('config')
    const editor = page.getByLabel('site.yaml')
    await editor.waitFor()
    const before = await editor.inputValue()
    const apply = async (): Promise<void> => {
      await page.getByRole('button', { name: 'Check' }).click()
      await page.getByRole('button', { name: 'Apply' }).click()
      await page.getByRole('button', { name: 'Keep it' }).click()
      await page.getByText(/comes back in/).waitFor({ state: 'detached' })
    }
    await editor.fill(before.replace('port: 8080', 'port: 8081'))
    await apply()
    await open('history')
    const newest = page.locator('main tbody tr').first()
    await page.getByText('firewall.forwards[0].port').first().waitFor()
    assert.match(String(await newest.textContent()), /^2.*page.*firewall\.forwards\[0\]\.port/)
    await page.screenshot({ path: join(SCREENSHOTS, 'history-two.png'), fullPage: true })
    await page.getByRole('link', { name: 'Into the editor: the text of revision 1' }).click()
    await page.getByText('The editor holds the text of revision 1').waitFor()
    assert.equal(await editor.inputValue(), before)
    assert.deepEqual(await violations(page), [])
    await apply()
    assert.equal(readFileSync(lab.site.siteFile, 'utf8'), before)
  })

  it('makes a token, shows it once, ends it', async () => {
    await open('access')
    await page.getByLabel('Name of the program').fill('grafana')
    await page.getByRole('button', { name: 'Make a token' }).click()
    await page.getByText('shown this once').waitFor()
    await page.getByRole('button', { name: 'End the token of grafana' }).click()
    await page.getByText('There are no tokens').waitFor()
  })

  it('what the network says of itself stays text', async () => {
    await open('hosts')
    await page.getByText('<img src=x onerror=alert(1)>').waitFor()
    assert.equal(await page.locator('main img').count(), 0)
  })

  it('a session that is over leads to the login, and the password back', async () => {
    await open('hosts')
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('this is not the password').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'login-light.png'), fullPage: true })
    assert.deepEqual(await violations(page), [])
    await page.getByLabel('Password').fill(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Hosts' }).waitFor()
    await context.clearCookies()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
  })

  it('nothing was fetched from elsewhere, nothing broke, and nothing was against the security policy', () => {
    assert.deepEqual(foreign, [])
    assert.deepEqual(complaints, [])
  })
})
