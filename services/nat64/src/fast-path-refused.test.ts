/** What the kernel may say to bpf(2) where there can be no fast path: one line tells, and TypeScript carries everything. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { BPF } from './io/bpf-syscall.ts'
import { GatewayLab, labSite, SERVER_SEEN } from './testkit/gateway-lab.ts'

const REFUSE_BPF = fileURLToPath(new URL('testkit/refuse-bpf.ts', import.meta.url))
const LACKS = 'this kernel lacks what it needs \\(CONFIG_BPF_SYSCALL, NET_CLS_BPF\\)'

/** Packets that the kernel put into the TUN's queue: what a fast path carries is not among them. */
const queued = (lab: GatewayLab): number => {
  const [link] = JSON.parse(lab.gateway.ip('-j -s link show nat64')) as { stats64: { tx: { packets: number } } }[]
  return link?.stats64.tx.packets ?? assert.fail()
}

for (const [what, errno, call, says] of [
  [
    'no bpf(2) at all (CONFIG_BPF_SYSCALL)',
    'ENOSYS',
    'all',
    `make BPF map \\w+: Function not implemented \\(ENOSYS\\); ${LACKS}`,
  ],
  [
    "refused (an engine's seccomp profile, kernel.unprivileged_bpf_disabled)",
    'EPERM',
    'all',
    'make BPF map \\w+: Operation not permitted \\(EPERM\\); add `BPF` to `cap_add` of service nat64 .*',
  ],
  [
    'a kind of map that the kernel does not know',
    'EINVAL',
    BPF.MAP_CREATE,
    `make BPF map \\w+: Invalid argument \\(EINVAL\\); ${LACKS}`,
  ],
  [
    'a kind of program that the kernel does not know',
    'EINVAL',
    BPF.PROG_LOAD,
    `load the BPF program: Invalid argument \\(EINVAL\\); ${LACKS}`,
  ],
] as const)
  for (const fastPath of ['auto', 'lan'])
    test(`${what}: ${errno}, fastPath: ${fastPath}`, async () => {
      const site = (more: string): string => labSite({ more: `  fastPath: ${fastPath}\n${more}` })
      await using lab = await GatewayLab.make(site(''))
      const wrapper = [process.execPath, REFUSE_BPF, String(constants.errno[errno]), String(call)]
      const service = lab.spawn({}, wrapper)
      await service.waitFor(/data plane is up/)
      await service.waitFor(new RegExp(`"msg":"fast path: off \\(${says}\\); TypeScript carries everything"`))
      await service.waitFor(/state: ok/)
      const before = queued(lab)
      assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
      assert.ok(queued(lab) - before >= 40)
      // It is tried again with each document, and nothing new said.
      lab.write(site('  mtu: 1400\n'))
      await service.waitFor(/"revision":2,"msg":"document in force"/)
      assert.equal(await lab.ping(SERVER_SEEN, '-c', '20'), 20)
      assert.equal(service.output.stdout.match(/fast path/g)?.length, 1)
      for (const link of ['nat64', 'lan0'])
        assert.doesNotMatch(lab.gateway.sh('tc', 'qdisc', 'show', 'dev', link), /clsact/)
      assert.equal(await service.stop('SIGTERM'), 0)
      assert.equal(service.output.stderr, '')
    })
