import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { enterNamespace, Namespace } from '@sixgate/testkit'
import fc from 'fast-check'
import { networkNamespaceId } from './network-namespace.ts'
import { OriginalValues } from './original-values.ts'
import { Sysctls } from './sysctl.ts'

const skip = enterNamespace()
const here = (): Namespace => Namespace.here()
const ORIGIN = { boot: 'this', namespace: 'here' }
let directory = ''
let root = ''
let file = ''

/** A directory that stands for /proc/sys/net: a file per sysctl, without the kernel's own mind. */
const place = (values: Readonly<Record<string, string>>): Sysctls => {
  for (const [path, value] of Object.entries(values)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), `${value}\n`)
  }
  return new Sysctls(root)
}
const valueOf = (path: string): string => readFileSync(join(root, path), 'utf8').trim()

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'originals-'))
  root = join(directory, 'net')
  file = join(directory, 'state', 'originals.json')
  mkdirSync(root)
})
afterEach(() => rmSync(directory, { recursive: true }))

test('the first original is kept, through several values and processes, and restored once', () => {
  const sysctls = place({ 'ipv4/ip_forward': '0' })
  const first = new OriginalValues(sysctls, file, ORIGIN)
  assert.equal(first.set('ipv4/ip_forward', '1'), true)
  assert.equal(first.set('ipv4/ip_forward', '1'), false)
  const second = new OriginalValues(sysctls, file, ORIGIN)
  assert.equal(second.set('ipv4/ip_forward', '2'), true)
  assert.deepEqual([...second.originals], [['ipv4/ip_forward', '0']])
  assert.deepEqual(second.restore(), { restored: ['ipv4/ip_forward'], foreign: [], vanished: [], failed: [] })
  assert.equal(valueOf('ipv4/ip_forward'), '0')
  assert.ok(!existsSync(file))
  assert.deepEqual(first.restore(), { restored: [], foreign: [], vanished: [], failed: [] })
  assert.equal(second.note, undefined)
})

test('a value that is there already is nobody’s change: nothing is recorded, nothing restored', () => {
  const originals = new OriginalValues(place({ 'ipv4/ip_forward': '1' }), file, ORIGIN)
  assert.equal(originals.set('ipv4/ip_forward', '1'), false)
  assert.ok(!existsSync(file))
})

test('two processes that share the file do not forget what the other recorded', () => {
  const sysctls = place({ 'a/x': '0', 'a/y': '0' })
  const [one, other] = [new OriginalValues(sysctls, file, ORIGIN), new OriginalValues(sysctls, file, ORIGIN)]
  one.set('a/x', '1')
  other.set('a/y', '1')
  assert.deepEqual(one.restore().restored, ['a/y', 'a/x'])
  assert.deepEqual([valueOf('a/x'), valueOf('a/y')], ['0', '0'])
})

test('the record is on the disk before the sysctl is touched', () => {
  const sysctls = place({ 'a/x': '0' })
  let recorded: string | undefined
  class Watched extends Sysctls {
    override write(path: string, value: string): boolean {
      recorded ??= readFileSync(file, 'utf8')
      return super.write(path, value)
    }
  }
  new OriginalValues(new Watched(sysctls.root), file, ORIGIN).set('a/x', '1')
  assert.match(recorded ?? '', /"path": "a\/x",\s+"original": "0",\s+"written": \[\s+"1"\s+\]/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('killed between the record and the write: the next process restores either way', { skip }, async () => {
  place({ 'a/x': '0' })
  const index = JSON.stringify(new URL('index.ts', import.meta.url).href)
  const script = (value: string, when: 'before' | 'after') => `
    import { OriginalValues, Sysctls } from ${index}
    class Dying extends Sysctls {
      write(path, value) {
        if (${JSON.stringify(when)} === 'after') super.write(path, value)
        process.kill(process.pid, 'SIGKILL')
      }
    }
    new OriginalValues(new Dying(${JSON.stringify(root)}), ${JSON.stringify(file)}, ${JSON.stringify(ORIGIN)}).set('a/x', ${JSON.stringify(value)})`
  const die = async (value: string, when: 'before' | 'after'): Promise<void> => {
    const { status, stderr } = await here().run(process.execPath, '--input-type=module', '-e', script(value, when))
    assert.equal(status, -2, stderr)
  }
  await die('1', 'before')
  assert.equal(valueOf('a/x'), '0')
  await die('1', 'after')
  assert.equal(valueOf('a/x'), '1')
  // The next value was recorded but not written: the one before it is still known as ours.
  await die('2', 'before')
  assert.equal(valueOf('a/x'), '1')
  const report = new OriginalValues(new Sysctls(root), file, ORIGIN).restore()
  assert.deepEqual(report, { restored: ['a/x'], foreign: [], vanished: [], failed: [] })
  assert.equal(valueOf('a/x'), '0')
})

test('what somebody else changed meanwhile is left alone and reported', () => {
  const sysctls = place({ 'a/x': '0', 'a/y': '0' })
  const originals = new OriginalValues(sysctls, file, ORIGIN)
  originals.set('a/x', '1')
  originals.set('a/y', '1')
  place({ 'a/x': '7' })
  assert.deepEqual(originals.restore(), {
    restored: ['a/y'],
    foreign: [{ path: 'a/x', ours: '1', found: '7', original: '0' }],
    vanished: [],
    failed: [],
  })
  assert.deepEqual([valueOf('a/x'), valueOf('a/y')], ['7', '0'])
  assert.ok(!existsSync(file))
})

test('a sysctl that is not there: recorded by nobody, set with an error, vanished at the end', () => {
  const sysctls = place({ 'conf/p0/x': '0' })
  const originals = new OriginalValues(sysctls, file, ORIGIN)
  assert.throws(() => originals.set('conf/p9/x', '1'), { name: 'HostError', code: 'ENOENT' })
  assert.ok(!existsSync(file))
  originals.set('conf/p0/x', '1')
  rmSync(join(root, 'conf/p0'), { recursive: true })
  assert.deepEqual(originals.restore(), { restored: [], foreign: [], vanished: ['conf/p0/x'], failed: [] })
  assert.ok(!existsSync(file))
})

test('what cannot be written back stays recorded for the next attempt', () => {
  const sysctls = place({ 'a/x': '0', 'a/y': '0' })
  new OriginalValues(sysctls, file, ORIGIN).set('a/x', '1')
  const originals = new OriginalValues(sysctls, file, ORIGIN)
  originals.set('a/y', '1')
  // A directory where the file was: readable for nobody, as a sysctl on a dead mount.
  rmSync(join(root, 'a/x'))
  mkdirSync(join(root, 'a/x'))
  const report = originals.restore()
  assert.deepEqual(
    [report.restored, report.failed.map(({ path, error }) => [path, error.code])],
    [['a/y'], [['a/x', 'EISDIR']]],
  )
  assert.deepEqual([...originals.originals.keys()], ['a/x'])
  rmSync(join(root, 'a/x'), { recursive: true })
  place({ 'a/x': '1' })
  assert.deepEqual(originals.restore().restored, ['a/x'])
  assert.equal(valueOf('a/x'), '0')
})

for (const [name, text] of Object.entries({
  empty: '',
  'cut short': '{"version": 1, "origin": {"boot": "this"',
  'another version': '{"version": 2, "origin": {"boot": "this", "namespace": "here"}, "entries": []}',
  'an entry without path':
    '{"version": 1, "origin": {"boot": "this", "namespace": "here"}, "entries": [{"original": "0", "written": [], "consequence": false}]}',
  'no object': 'null',
}))
  test(`an unreadable file is set aside and said: ${name}`, () => {
    const sysctls = place({ 'a/x': '1' })
    mkdirSync(join(file, '..'))
    writeFileSync(file, text)
    const originals = new OriginalValues(sysctls, file, ORIGIN)
    assert.equal(
      originals.note,
      `${file}: not readable as recorded sysctl values, kept as ${file}.corrupt; values set before now will not be restored`,
    )
    assert.equal(readFileSync(`${file}.corrupt`, 'utf8'), text)
    assert.equal(originals.set('a/x', '2'), true)
    assert.deepEqual(originals.restore().restored, ['a/x'])
    assert.equal(valueOf('a/x'), '1')
  })

test('fuzz: no content of the file makes it throw', () => {
  mkdirSync(join(file, '..'))
  const near = fc.record({
    version: fc.constantFrom(1, 2, '1'),
    origin: fc.constantFrom(ORIGIN, null, { boot: 1 }),
    entries: fc.anything(),
  })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        near.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      (text) => {
        writeFileSync(file, text)
        const originals = new OriginalValues(new Sysctls(root), file, ORIGIN)
        assert.ok(originals.originals.size >= 0)
      },
    ),
  )
})

test('values of an earlier boot or of another namespace are forgotten, not written into this one', () => {
  for (const origin of [
    { ...ORIGIN, boot: 'later' },
    { ...ORIGIN, namespace: 'elsewhere' },
  ]) {
    const sysctls = place({ 'a/x': '0' })
    new OriginalValues(sysctls, file, ORIGIN).set('a/x', '1')
    const later = new OriginalValues(sysctls, file, origin)
    assert.match(later.note ?? '', /recorded before the last boot or in another network namespace/)
    assert.deepEqual(later.restore(), { restored: [], foreign: [], vanished: [], failed: [] })
    assert.equal(valueOf('a/x'), '1')
  }
})

test('network namespaces have names that are not used again', { skip }, async () => {
  const module = JSON.stringify(new URL('network-namespace.ts', import.meta.url).href)
  const script = `import(${module}).then(({ networkNamespaceId }) => console.log(networkNamespaceId()))`
  const name = async (): Promise<string> =>
    (await here().run('unshare', '--net', process.execPath, '-e', script)).stdout
  const names = [await name(), await name(), `${networkNamespaceId()}\n`]
  assert.equal(new Set(names).size, 3)
  assert.ok(
    names.every((text) => /^cookie:\d+\n$/.test(text)),
    names.join(''),
  )
})

test('the kernel: forwarding and everything that it changes along comes back', { skip }, () => {
  const sysctls = new Sysctls()
  here().ip('link add p0 type veth peer name p1')
  here().ip('link add p2 type veth peer name p3')
  const links = ['lo', 'default', 'p0', 'p1', 'p2', 'p3']
  for (const family of ['ipv4', 'ipv6']) {
    const all = `${family}/conf/all/forwarding`
    const each = links.map((name) => `${family}/conf/${name}/forwarding`)
    sysctls.write(`${family}/conf/p0/forwarding`, '1')
    const state = () => [all, ...each].map((path) => sysctls.read(path))
    const before = state()
    const originals = new OriginalValues(sysctls, file)
    assert.equal(originals.set(all, '1', { affects: each }), true)
    assert.deepEqual(
      state(),
      Array.from({ length: 7 }, () => '1'),
    )
    const report = originals.restore()
    assert.deepEqual([report.restored.length, report.foreign, report.vanished, report.failed], [7, [], [], []])
    assert.deepEqual(state(), before)

    // Somebody else's change to one of them is not undone by restoring "all".
    originals.set(all, '1', { affects: each })
    sysctls.write(`${family}/conf/p1/forwarding`, '2')
    const changed = originals.restore()
    assert.deepEqual(changed.foreign, [{ path: `${family}/conf/p1/forwarding`, ours: '1', found: '2', original: '0' }])
    assert.equal(sysctls.read(`${family}/conf/p1/forwarding`), '2')
    assert.equal(sysctls.read(`${family}/conf/p0/forwarding`), '1')
    assert.equal(sysctls.read(all), '0')
  }
  here().ip('link del p0')
  here().ip('link del p2')
})

test('the kernel: what it changes along to something else than was written', { skip }, () => {
  // inet_forward_change(): accept_redirects of "all" becomes the opposite of ip_forward, also when that goes back.
  const sysctls = new Sysctls()
  const path = 'ipv4/conf/all/accept_redirects'
  sysctls.write(path, '7')
  const originals = new OriginalValues(sysctls, file)
  originals.set('ipv4/ip_forward', '1', { affects: [path] })
  assert.equal(sysctls.read(path), '0')
  assert.deepEqual(originals.restore(), { restored: ['ipv4/ip_forward', path], foreign: [], vanished: [], failed: [] })
  assert.deepEqual([sysctls.read('ipv4/ip_forward'), sysctls.read(path)], ['0', '7'])
})

test('the kernel: a link that was removed and made again', { skip }, () => {
  const sysctls = new Sysctls()
  const path = 'ipv6/conf/p0/accept_ra'
  here().ip('link add p0 type veth peer name p1')
  const originals = new OriginalValues(sysctls, file)
  originals.set(path, '0')
  here().ip('link del p0')
  here().ip('link add p0 type veth peer name p1')
  assert.equal(sysctls.read(path), '1')
  assert.deepEqual(originals.restore().restored, [path])
  assert.equal(sysctls.read(path), '1')
  here().ip('link del p0')
})

test('a value that the kernel rounds is ours, and asking for it again changes nothing', { skip }, () => {
  const rounding = new (class extends Sysctls {
    writes = 0
    override write(path: string, value: string): boolean {
      this.writes++
      return super.write(path, String(Math.ceil(Number(value) / 1024) * 1024))
    }
  })(place({ 'netfilter/nf_conntrack_buckets': '2048' }).root)
  const path = 'netfilter/nf_conntrack_buckets'
  const originals = new OriginalValues(rounding, file, ORIGIN)
  assert.equal(originals.set(path, '5000'), true)
  assert.equal(valueOf(path), '5120')
  assert.equal(originals.set(path, '5000'), false)
  assert.equal(rounding.writes, 1)
  assert.deepEqual(originals.restore().restored, [path])
  assert.equal(valueOf(path), '2048')
})
