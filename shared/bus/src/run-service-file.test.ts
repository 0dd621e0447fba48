import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { BEHAVIOUR } from './testkit/fixture-service.ts'
import { ServiceProcess, siteDocument } from './testkit/service-process.ts'

interface Place {
  readonly directory: string
  readonly file: string
  readonly write: (text: string) => void
  /** `privileges`: flags of setpriv. Ended before the directory goes. */
  readonly start: (
    environment?: Readonly<Record<string, string>>,
    options?: { readonly privileges?: readonly string[] },
  ) => ServiceProcess
}

const place = (t: TestContext): Place => {
  const directory = mkdtempSync(join(tmpdir(), 'sixgate-run-'))
  const file = join(directory, 'site/site.yaml')
  mkdirSync(join(directory, 'site'))
  const started: ServiceProcess[] = []
  t.after(async () => {
    await Promise.all(started.map((service) => service.process.stop()))
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    file,
    write: (text) => writeFileSync(file, text),
    start: (environment = {}, options = {}) => {
      const service = new ServiceProcess(directory, { SITE: `file:${file}`, ...environment }, options)
      started.push(service)
      return service
    },
  }
}

const applied = (messages: readonly string[]): string[] => messages.filter((message) => message.startsWith('applied'))

describe('a service with SITE=file:', () => {
  it('applies the document and each edit, runs without the bus, and removes what it made when it is stopped', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(1001))
    const service = start()
    await service.logged(/state: ok/)
    write(siteDocument(1002))
    await service.logged(/applied 2/)
    assert.equal(await service.terminate(), 0)
    assert.deepEqual(applied(service.messages), [
      'applied 1 with port 1001, hosts alone',
      'applied 2 with port 1002, hosts alone',
    ])
    assert.deepEqual(service.messages.slice(-2), ['stop remove', 'stopped'])
  })

  it('a bad edit keeps what is in force and says where, what came and what is allowed; a good one ends that', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(1001))
    const service = start()
    await service.logged(/state: ok/)
    write(
      'lan:\n  interface: lan0\n  prefix: fd00:6:4::/64\npref64:\n  - 64:ff9b::/72\nnat64:\n  pool4: [198.18.0.0/16]\n',
    )
    await service.logged(/site\.yaml:5:\d+ pref64\[0\].*64:ff9b::\/72.*must be/)
    await service.process.waitFor(/"level":"warn".*"state":"rejected"/)
    assert.equal(service.health.state, 'rejected')
    assert.match(service.health.problems.join(), /site\.yaml:5:/)
    write(siteDocument(1003))
    await service.logged(/applied 2 with port 1003/)
    await service.logged(/state: ok/)
    assert.equal(applied(service.messages).length, 2)
  })

  it('follows an editor that replaces the file', async (t) => {
    const { directory, file, write, start } = place(t)
    write(siteDocument(1001))
    const service = start()
    await service.logged(/state: ok/)
    for (const port of [1002, 1003]) {
      writeFileSync(join(directory, 'draft'), siteDocument(port))
      renameSync(join(directory, 'draft'), file)
      await service.logged(new RegExp(`with port ${port}`))
    }
  })

  it('waits for a file that is not there yet, and says so', async (t) => {
    const { write, start } = place(t)
    const service = start()
    await service.logged(/site\.yaml: cannot be read .*ENOENT.*put the site document there/)
    write(siteDocument(1001))
    await service.logged(/applied 1/)
  })

  it('a folder in place of the file', async (t) => {
    const { file, start } = place(t)
    mkdirSync(file)
    await start().logged(/site\.yaml: cannot be read .*EISDIR.*it is a folder; name the file in it/)
  })

  it('a file that its capabilities do not let it read: says that it must be readable', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root can take its own capabilities away')
    const { file, write, start } = place(t)
    write(siteDocument())
    chownSync(file, 1000, 1000)
    chmodSync(file, 0o600)
    const service = start({}, { privileges: ['--bounding-set=-all', '--inh-caps=-all'] })
    await service.logged(/site\.yaml: cannot be read .*EACCES.*chmod a\+r/)
    chmodSync(file, 0o644)
    await service.logged(/applied 1/)
  })

  it('a document that it cannot serve is rejected with its reason, the one before stays in force', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(1001))
    const service = start()
    await service.logged(/state: ok/)
    write(siteDocument(BEHAVIOUR.REJECT))
    await service.logged(/revision 2: firewall\.inbound\[0\]\.port: 1: is taken; choose another/)
    assert.equal(service.health.state, 'rejected')
    assert.match(service.process.output.stdout, /"revision":1,"code":"port-taken","state":"rejected"/)
  })

  it('an apply that fails otherwise is degraded and tried again', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(BEHAVIOUR.FAIL_ONCE))
    const service = start()
    await service.logged(/revision 1: the link is busy; it is tried again/)
    assert.equal(service.health.state, 'degraded')
    await service.logged(/state: ok/)
    assert.equal(service.health.state, 'ok')
  })

  it('a problem of the service is degraded, in health too', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(BEHAVIOUR.DEGRADE))
    const service = start()
    await service.logged(/link lan0: is missing; plug it in/)
    assert.deepEqual(
      { state: service.health.state, problems: service.health.problems },
      { state: 'degraded', problems: ['link lan0: is missing; plug it in'] },
    )
  })

  it('ON_STOP=keep leaves what it made', async (t) => {
    const { write, start } = place(t)
    write(siteDocument())
    const service = start({ ON_STOP: 'keep' })
    await service.logged(/state: ok/)
    assert.equal(await service.terminate(), 0)
    assert.ok(service.messages.includes('stop keep'))
  })

  it('an error that nobody caught ends it with status 1 and without a stop (fail-static)', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(BEHAVIOUR.CRASH))
    const service = start()
    assert.equal(await service.process.ended, 1)
    assert.match(service.process.output.stdout, /"level":"fatal".*a bug/)
    assert.ok(!service.messages.some((message) => message.startsWith('stop')))
  })

  it('a stop that hangs is ended after 8 s, before Docker kills', async (t) => {
    const { write, start } = place(t)
    write(siteDocument(BEHAVIOUR.STOP_HANGS))
    const service = start()
    await service.logged(/state: ok/)
    const beganMs = performance.now()
    assert.equal(await service.terminate(), 1)
    const tookMs = performance.now() - beganMs
    // Docker kills 10 s after SIGTERM; a busy machine may tell us later.
    assert.ok(tookMs > 7900 && tookMs < 20_000, `${tookMs} ms`)
  })
})

const WRONG: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ['SITE missing', { SITE: '' }, /SITE: .*must be file:PATH .*or nats:\/\/HOST:PORT/],
  ['SITE of another kind', { SITE: 'http://x' }, /SITE: .*http:\/\/x.*must be file:PATH/],
  ['nats without a seed', { SITE: 'nats://127.0.0.1:1' }, /NKEY_SEED_FILE: not set: .*must name the file/],
  ['LOG_LEVEL', { LOG_LEVEL: 'loud' }, /LOG_LEVEL: .*loud.*must be one of trace, debug, info/],
  ['ON_STOP', { ON_STOP: 'maybe' }, /ON_STOP: .*maybe.*must be one of auto, keep, remove/],
  ['STATE_DIR', { STATE_DIR: '/dev/null/state' }, /STATE_DIR: cannot be made/],
]

describe('a wrong environment ends the service with status 1 and says what is allowed', () => {
  for (const [what, environment, message] of WRONG) {
    it(what, async (t) => {
      const service = place(t).start(environment)
      assert.equal(await service.process.ended, 1)
      assert.match(service.process.output.stdout, message)
      assert.match(service.process.output.stdout, /"level":"fatal"/)
    })
  }
})
