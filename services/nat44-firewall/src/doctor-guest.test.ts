/**
 * What the doctor says of a clock and of a kernel that are wrong in real ways. That needs a machine whose clock and modules may be
 * spoilt: a guest of `make e2e-vm SUITE=firewall`, which says so by SIXGATE_GUEST.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeBuffer } from '@sixgate/host'
import type { Check } from '@sixgate/obs'
import koffi from 'koffi'

const skip = process.env['SIXGATE_GUEST'] === '1' ? false : 'only in a machine of its own: make e2e-vm SUITE=firewall'
const DOCTOR = fileURLToPath(new URL('doctor.ts', import.meta.url))
const NO_MODULE = '/etc/modprobe.d/sixgate-test.conf'

const run = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

const check = (wanted: string): Check => {
  const environment = { ...process.env, SITE_FILE: '/nonexistent', STATE_DIR: '/tmp' }
  const { stdout, stderr } = spawnSync(process.execPath, [DOCTOR, '--json'], { encoding: 'utf8', env: environment })
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] }
  return checks.find(({ id }) => id === wanted) ?? assert.fail(`${stdout}${stderr}`)
}

after(() => rmSync(NO_MODULE, { force: true }))

/** struct timex of linux/timex.h, 64-bit: modes u32 at 0, maxerror i64 at 24 (µs), status i32 at 40; adjtimex(2). */
const TIMEX = { MODES: 0, STATUS: 40, LEN: 208 } as const
/** maxerror is set too, to 0: the kernel calls a clock unsynchronised once it may be 16 s wrong. */
const ADJ_STATUS_AND_MAXERROR = 0x10 | 0x04
const STA_UNSYNC = 0x40

/** Tells the kernel, as an NTP client does, whether it keeps the clock right. */
const tellKernel = (status: number): void => {
  const timex = nativeBuffer(TIMEX.LEN)
  timex.view.setUint32(TIMEX.MODES, ADJ_STATUS_AND_MAXERROR, true)
  timex.view.setInt32(TIMEX.STATUS, status, true)
  const adjtimex = koffi.load(null).func('adjtimex', 'int', ['uintptr_t']) as (address: number) => number
  assert.ok(adjtimex(timex.address) >= 0)
}

test('a clock that cannot be right', { skip }, () => {
  const seconds = Math.floor(Date.now() / 1000)
  run('date', '-s', '2020-02-03 04:05:06')
  const { state, found, fix } = check('clock')
  run('date', '-s', `@${seconds}`)
  assert.equal(state, 'bad')
  assert.match(found, /^2020-02-03T.* cannot be/)
  assert.match(fix ?? '', /timedatectl/)
})

test('a clock that somebody keeps right, and one that nobody does', { skip }, () => {
  tellKernel(STA_UNSYNC)
  const free = check('clock')
  assert.equal(free.state, 'note')
  assert.match(free.found, /nothing keeps the clock right/)
  tellKernel(0)
  const kept = check('clock')
  assert.equal(kept.state, 'ok')
  assert.match(kept.found, /kept right/)
})

test('a kernel that lacks something the rules need', { skip }, () => {
  assert.equal(check('kernel').state, 'ok')
  run('modprobe', '-r', 'nft_masq')
  mkdirSync(dirname(NO_MODULE), { recursive: true })
  writeFileSync(NO_MODULE, 'install nft_masq /bin/false\n')
  const { state, found, fix } = check('kernel')
  assert.equal(state, 'bad')
  assert.equal(found, 'this kernel lacks CONFIG_NFT_MASQ')
  assert.ok((fix ?? '') !== '')
  rmSync(NO_MODULE)
  assert.equal(check('kernel').state, 'ok')
})
