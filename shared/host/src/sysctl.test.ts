import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { AS_NOBODY, enterNamespace, Namespace } from '@sixgate/testkit'
import { Sysctls, sameValue } from './sysctl.ts'

const skip = enterNamespace()
const here = (): Namespace => Namespace.here()
const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

test('values are compared apart from white space', () => {
  assert.ok(sameValue('4096\t131072\t6291456\n', ' 4096 131072  6291456'))
  assert.ok(!sameValue('1', '10'))
})

test('the kernel: reading, writing once, lists, links with a dot in their name', { skip }, () => {
  const sysctls = new Sysctls()
  here().ip('link add p0.2 type veth peer name p1')
  assert.equal(sysctls.read('ipv6/conf/p0.2/accept_ra'), '1')
  assert.equal(sysctls.write('ipv6/conf/p0.2/accept_ra', '0'), true)
  assert.equal(sysctls.write('ipv6/conf/p0.2/accept_ra', '0'), false)
  assert.equal(here().sh('cat', '/proc/sys/net/ipv6/conf/p0.2/accept_ra'), '0\n')

  assert.match(sysctls.read('ipv4/tcp_rmem') ?? '', /^\d+ \d+ \d+$/)
  assert.equal(sysctls.write('ipv4/tcp_rmem', '4096 65536 1000000'), true)
  assert.equal(sysctls.write('ipv4/tcp_rmem', '4096\t65536\t1000000'), false)
  here().ip('link del p0.2')
  assert.equal(sysctls.read('ipv6/conf/p0.2/accept_ra'), undefined)
  assert.throws(() => sysctls.write('ipv6/conf/p0.2/accept_ra', '0'), {
    name: 'HostError',
    code: 'ENOENT',
    message: 'write "0" to sysctl /proc/sys/net/ipv6/conf/p0.2/accept_ra: No such file or directory (ENOENT)',
  })
})

test('the kernel: a value that it does not take', { skip }, () => {
  assert.throws(() => new Sysctls().write('ipv4/ip_forward', 'yes'), {
    code: 'EINVAL',
    message: 'write "yes" to sysctl /proc/sys/net/ipv4/ip_forward: Invalid argument (EINVAL)',
  })
})

test('what is missing is said: writable mount, capability, the root itself', { skip }, async () => {
  const index = JSON.stringify(new URL('index.ts', import.meta.url).href)
  const attempt = (root: string) => `
    import { HostError, Sysctls } from ${index}
    try { new Sysctls(${JSON.stringify(root)}).write('ipv4/ip_forward', '1') } catch (error) { console.log(error instanceof HostError, error.message) }`
  const node = (root: string) => [process.execPath, '--input-type=module', '-e', attempt(root)]
  const unprivileged = await here().run('setpriv', ...AS_NOBODY, ...node('/proc/sys/net'))
  assert.equal(
    unprivileged.stdout,
    'true write "1" to sysctl /proc/sys/net/ipv4/ip_forward (mount /proc/sys/net writable at /proc/sys/net and give the container CAP_NET_ADMIN): Permission denied (EACCES)\n',
  )
  const readOnly = await here().run(
    'unshare',
    '--mount',
    'sh',
    '-c',
    'mount -o bind,ro /proc/sys/net /proc/sys/net && exec "$@"',
    'sh',
    ...node('/proc/sys/net'),
  )
  assert.match(
    readOnly.stdout,
    /^true write "1" .*give the container CAP_NET_ADMIN\): Read-only file system \(EROFS\)\n$/,
  )
  const elsewhere = await here().run(...(node('/nowhere') as [string, ...string[]]))
  assert.match(
    elsewhere.stdout,
    /^true read sysctl .* \(there is no \/nowhere: mount \/proc\/sys\/net there or correct SYSCTL_ROOT\)/,
  )
  assert.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'), '0\n')
})

test('only paths below the root', () => {
  const root = mkdtempSync(join(tmpdir(), 'sysctl-'))
  directories.push(root)
  mkdirSync(join(root, 'ipv4'))
  const sysctls = new Sysctls(root)
  for (const path of [
    '',
    'ipv4',
    '/etc/passwd',
    '../x/y',
    'ipv4/../../x',
    'ipv4/./x',
    'ipv4//x',
    'ipv4/x/',
    'ipv4/..',
    'ipv4/x\0y',
  ])
    assert.throws(() => sysctls.read(path), RangeError, path)
  assert.equal(sysctls.read('ipv4/conf/..a/x'), undefined)
})

test('another root, as in a container; nothing is created there', () => {
  const root = mkdtempSync(join(tmpdir(), 'sysctl-'))
  directories.push(root)
  mkdirSync(join(root, 'ipv4'))
  writeFileSync(join(root, 'ipv4/ip_forward'), '0\n')
  const sysctls = new Sysctls(root)
  assert.equal(sysctls.write('ipv4/ip_forward', '1'), true)
  assert.equal(sysctls.read('ipv4/ip_forward'), '1')
  assert.throws(() => sysctls.write('ipv4/other', '1'), { code: 'ENOENT' })
  chmodSync(root, 0o755)
})
