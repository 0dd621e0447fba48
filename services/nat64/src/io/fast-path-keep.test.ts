/** What an earlier process kept on a bpffs: gone on with where it is of the same make, else replaced; counters go on in both cases. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { asIp4 } from '@sixgate/addr'
import { bpfFilter, link, nativeBuffer } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { silent } from '../../../../shared/bus/src/testkit/nats-lab.ts'
import { offsetOf, sizeOf } from '../core/fast-path-layout.ts'
import { type FastPathHost, fastPathPlan } from '../core/fast-path-plan.ts'
import { DEFAULT_SETTINGS } from '../core/xlate.ts'
import { addressMapConfig, HOST_A, HOST_B, hostsOf, ip4Of } from '../testkit/core-lab.ts'
import { udp } from '../testkit/packet-builder.ts'
import { TunQueue } from '../testkit/tun-queue.ts'
import { plain, toHost4, toServer6 } from '../testkit/vectors/vector.ts'
import { BpfKeep, closeParts } from './bpf-keep.ts'
import { BPF, bpf, putAddress } from './bpf-syscall.ts'
import { FastPath, type FastPathSource } from './fast-path.ts'

const skip = enterNamespace()
const TUN = 'nat64'
const PREFERENCE = 0x6000
const HOSTS = hostsOf({}).map(({ ip6, ip4, pref }): FastPathHost => ({ ip6, ip4: asIp4(ip4), pref }))
const A = ip4Of(HOST_A.ip4)
const B = ip4Of(HOST_B.ip4)
const OUT = plain(toServer6(udp()))
const BACK = plain(toHost4(udp()))
const outBytes = OUT.length - 10

const run = (...argv: readonly [string, ...string[]]): void => {
  const [command, ...args] = argv
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

/** A TUN with a bpffs beside it, and processes that come after one another. */
class KeepLab {
  readonly bpffs = mkdtempSync(join(tmpdir(), 'bpffs-'))
  readonly #queue: TunQueue
  source: FastPathSource = {
    plan: fastPathPlan(addressMapConfig({}), DEFAULT_SETTINGS, 1500),
    capacity: 16,
    hosts: HOSTS,
    lans: [],
  }

  constructor() {
    run('mount', '-t', 'bpf', 'bpf', this.bpffs)
    this.#queue = new TunQueue(TUN, 1500)
  }

  /** A process that has begun to work. */
  start(): FastPath {
    const fastPath = new FastPath(TUN, silent, () => this.source, { bpffs: this.bpffs })
    fastPath.rebuild()
    assert.equal(fastPath.off, undefined)
    return fastPath
  }

  get program(): number {
    return (
      bpfFilter({ ifindex: link(TUN)?.index ?? -1, hook: 'egress', preference: PREFERENCE })?.programId ?? assert.fail()
    )
  }

  /** Sends a packet into the TUN; whether the kernel gave it back translated. */
  isCarried(packet: readonly number[]): boolean {
    return this.#queue.play(packet).by === 'kernel'
  }

  kept(): string[] {
    // The kernel's own: maps.debug, progs.debug.
    return readdirSync(this.bpffs, { recursive: true })
      .map(String)
      .filter((name) => !name.endsWith('.debug'))
  }

  [Symbol.dispose](): void {
    this.#queue.close()
    run('umount', this.bpffs)
    rmdirSync(this.bpffs)
  }
}

test('the same document: the next process goes on with program, maps and counters', { skip }, () => {
  using lab = new KeepLab()
  const first = lab.start()
  const { program } = lab
  assert.ok(lab.isCarried(OUT) && lab.isCarried(BACK))
  first.stop('keep')
  assert.ok(lab.isCarried(OUT), 'while there is no process')
  const second = lab.start()
  assert.equal(lab.program, program)
  assert.ok(lab.isCarried(OUT))
  const { from6, from4, seenS } = second.usages().get(A) ?? assert.fail()
  assert.deepEqual(
    [from6, from4],
    [
      { packets: 3, bytes: 3 * outBytes },
      { packets: 1, bytes: BACK.length - 10 },
    ],
  )
  assert.ok(seenS > 0)
  assert.equal(second.counters().fast_path_translated_6to4_packets_total, 3)
  assert.equal(second.remark, 'fast path: on, 2 hosts')
  second.remove(A)
  assert.ok(!lab.isCarried(OUT) && !lab.isCarried(BACK))
  second.stop('remove')
  assert.deepEqual(lab.kept(), [])
})

test('a mapping that ended meanwhile is out of the maps that are gone on with, a new one in them', { skip }, () => {
  using lab = new KeepLab()
  const [a, b] = [
    HOSTS.find(({ ip4 }) => ip4 === A) ?? assert.fail(),
    HOSTS.find(({ ip4 }) => ip4 === B) ?? assert.fail(),
  ]
  lab.source = { ...lab.source, hosts: [a] }
  lab.start().stop('keep')
  const { program } = lab
  assert.ok(lab.isCarried(OUT) && lab.isCarried(BACK))

  lab.source = { ...lab.source, hosts: [b] }
  const second = lab.start()
  assert.equal(lab.program, program)
  assert.ok(!lab.isCarried(OUT) && !lab.isCarried(BACK))
  assert.deepEqual([...second.usages().keys()], [B])
  second.stop('keep')

  // The address of the one is the other's now.
  lab.source = { ...lab.source, hosts: [{ ...b, ip4: A }] }
  const third = lab.start()
  assert.equal(lab.program, program)
  assert.ok(!lab.isCarried(OUT) && lab.isCarried(BACK))
  assert.deepEqual(third.usages().get(A)?.from4.packets, 1)
  third.stop('keep')
  lab.source = { ...lab.source, hosts: [a] }
  const fourth = lab.start()
  assert.ok(lab.isCarried(OUT))
  assert.deepEqual(fourth.usages().get(A)?.from4.packets, 0, 'nothing of the host that had the address')
  fourth.stop('remove')
})

test('another document: replaced, and what hosts used goes on where they are the same', { skip }, () => {
  using lab = new KeepLab()
  const first = lab.start()
  const { program } = lab
  assert.ok(lab.isCarried(OUT))
  first.stop('keep')
  // The other host comes with the address of the one.
  const b = HOSTS.find(({ ip4 }) => ip4 === B) ?? assert.fail()
  for (const [hosts, packets] of [
    [HOSTS, 1],
    [[{ ...b, ip4: A }], 0],
  ] as const) {
    lab.source = { ...lab.source, capacity: lab.source.capacity + 1, hosts }
    const next = lab.start()
    assert.notEqual(lab.program, program)
    assert.equal(next.usages().get(A)?.from6.packets ?? 0, packets)
    assert.equal(lab.kept().filter((name) => name.endsWith('hosts6')).length, 1, 'one generation is kept')
    next.stop('keep')
  }
})

test('maps of another version are not gone on with', { skip }, () => {
  using lab = new KeepLab()
  lab.start().stop('keep')
  const { program } = lab
  const kept = new BpfKeep(lab.bpffs, TUN).find(program) ?? assert.fail()
  const fd = kept.parts.get('config_map') ?? assert.fail()
  setVersion(fd, 1)
  closeParts(kept)
  const next = lab.start()
  assert.notEqual(lab.program, program)
  assert.ok(lab.isCarried(OUT))
  next.stop('remove')
})

test('a part that is missing, another name space: nothing to go on with', { skip }, () => {
  using lab = new KeepLab()
  lab.start().stop('keep')
  const { program } = lab
  run('rm', join(lab.bpffs, lab.kept().find((name) => name.endsWith('hosts4')) ?? assert.fail()))
  const next = lab.start()
  assert.notEqual(lab.program, program)
  assert.ok(lab.isCarried(OUT))
  next.stop('remove')
  assert.equal(new BpfKeep(lab.bpffs, 'other').find(program), undefined)
})

test('no bpffs there: it works without, and keeps nothing', { skip }, () => {
  using lab = new KeepLab()
  const fastPath = new FastPath(TUN, silent, () => lab.source, { bpffs: tmpdir() })
  fastPath.rebuild()
  assert.ok(lab.isCarried(OUT))
  fastPath.stop('remove')
})

/** Why it takes a bpffs. */
test("programs and maps by number: not with the container's capabilities", { skip }, () => {
  using lab = new KeepLab()
  const fastPath = lab.start()
  const ask = (...wrapper: readonly string[]): string => {
    const script = new URL('../testkit/program-by-number.ts', import.meta.url).pathname
    const argv = [...wrapper, process.execPath, script, String(lab.program)]
    const { status, stdout, stderr } = spawnSync('env', argv, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return stdout.trim()
  }
  const caps = '-all,+net_admin,+bpf'
  assert.equal(ask('setpriv', `--bounding-set=${caps}`, `--inh-caps=${caps}`), 'EPERM')
  assert.equal(ask(), 'found')
  fastPath.stop('remove')
})

const setVersion = (fd: number, version: number): void => {
  const [key, value] = [nativeBuffer(4), nativeBuffer(sizeOf('config'))]
  const call = (command: number): void => {
    const result = bpf(command, (view) => {
      view.setUint32(0, fd, true)
      putAddress(view, 8, key.address)
      putAddress(view, 16, value.address)
    })
    assert.equal(result, 0)
  }
  call(BPF.MAP_LOOKUP_ELEM)
  value.view.setUint32(offsetOf('config', 'version'), version, true)
  call(BPF.MAP_UPDATE_ELEM)
}
