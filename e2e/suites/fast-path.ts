import assert from 'node:assert/strict'
import { it } from 'node:test'
import { docker } from '../harness/engine.ts'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { runIn } from '../harness/netns.ts'
import { untilTrue } from '../harness/until.ts'
import { WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped } from '../transcript/facts.ts'
import { pingCounts } from '../transcript/parse.ts'
import { PING_INTERVAL_S, startTraffic } from './traffic.ts'

const WEB = mapped(WEB_ADDRESSES[0])
const BPF_FILE = 'deploy/compose.bpf.yml'
const BPFFS_FILE = 'deploy/compose.bpffs.yml'

interface ListedHost {
  readonly out: { readonly fastPath: { readonly packets: number } }
  readonly in: { readonly fastPath: { readonly packets: number } }
}

/** nat64 with CAP_BPF: known hosts are carried by the kernel, also while nobody is there to tell it. */
export function fastPathSuite(site: SiteUnderTest): void {
  const { home } = site
  const stack = site.stack.with(BPF_FILE)

  const remark = async (): Promise<string> =>
    /fast path: [^\n]+/.exec((await stack.sixgate(['status'])).stdout)?.[0] ?? ''
  const container = async (): Promise<string> => (await stack.compose(['ps', '--quiet', 'nat64'])).trim()
  const bpffs = stack.with(BPFFS_FILE)
  /** The kernel's number of the program at the TUN. */
  const program = async (): Promise<string> => {
    const { stdout } = await runIn(home.piNetns, ['tc', 'filter', 'show', 'dev', 'nat64', 'egress'])
    return /sixgate-nat64-v\S+ .* id (\d+) /.exec(stdout)?.[1] ?? assert.fail(stdout)
  }
  /** Packets of the client that the kernel carried. */
  const carried = async (): Promise<number> => {
    const { hosts } = JSON.parse((await stack.sixgate(['hosts', '--json'])).stdout) as { hosts: ListedHost[] }
    return (hosts[0]?.out.fastPath.packets ?? 0) + (hosts[0]?.in.fastPath.packets ?? 0)
  }
  const pid = async (): Promise<number> =>
    Number(await docker(['inspect', '--format', '{{.State.Pid}}', await container()]))

  it('without the capability: off, with the way to have it', async () => {
    assert.match(await remark(), /^fast path: off \(.*add `BPF` to `cap_add`/)
  })

  it(`with ${BPF_FILE}: on, and the client's traffic is carried there`, async () => {
    await stack.compose(['up', '--detach', '--no-deps', 'nat64'])
    await converged(stack)
    await untilTrue('the fast path is on', 20, async () => /^fast path: on, [1-9]/.test(await remark()))
    const traffic = await startTraffic(home)
    const { gap, resumed } = await traffic.finish()
    assert.deepEqual([gap.lost, resumed], [0, true])
    const { hosts } = JSON.parse((await stack.sixgate(['hosts', '--json'])).stdout) as { hosts: ListedHost[] }
    assert.equal(hosts.length, 1)
    assert.ok(
      (hosts[0]?.out.fastPath.packets ?? 0) > 10 && (hosts[0]?.in.fastPath.packets ?? 0) > 10,
      JSON.stringify(hosts),
    )
  })

  it('killed under ping and download: nothing is lost until the engine has started it again, and then', async () => {
    const old = await pid()
    const traffic = await startTraffic(home)
    process.kill(old, 'SIGKILL')
    await untilTrue('the engine started it again', 30, async () => ![0, old].includes(await pid()))
    await converged(stack)
    await untilTrue('the fast path is on', 20, async () => (await remark()).startsWith('fast path: on'))
    const { gap, resumed } = await traffic.finish()
    assert.equal(gap.lost, 0, `pings without reply between ${gap.between}`)
    assert.ok(resumed, 'the download goes on in the same TCP connection')
  })

  it('stopped for a while and started: nothing is lost', async () => {
    const traffic = await startTraffic(home)
    await stack.compose(['stop', 'nat64'])
    const { output } = await home.client.type(`ping6 -n -c 20 -i ${PING_INTERVAL_S} -W 1 ${WEB}`)
    assert.deepEqual(pingCounts(output), { sent: 20, received: 20 }, output)
    await stack.compose(['start', 'nat64'])
    await converged(stack)
    const { gap, resumed } = await traffic.finish()
    assert.equal(gap.lost, 0, `pings without reply between ${gap.between}`)
    assert.ok(resumed, 'the download goes on in the same TCP connection')
  })
  it(`with ${BPFFS_FILE}, killed under ping and download: the next process goes on with the program, its counters go on`, async () => {
    await bpffs.compose(['up', '--detach', '--no-deps', 'nat64'])
    await converged(stack)
    await untilTrue('the fast path is on', 20, async () => /^fast path: on, [1-9]/.test(await remark()))
    const [old, oldProgram] = [await pid(), await program()]
    const traffic = await startTraffic(home)
    await untilTrue('the kernel carries it', 20, async () => (await carried()) > 100)
    const before = await carried()
    process.kill(old, 'SIGKILL')
    await untilTrue('the engine started it again', 30, async () => ![0, old].includes(await pid()))
    await converged(stack)
    const { gap, resumed } = await traffic.finish()
    assert.deepEqual([gap.lost, resumed], [0, true], `pings without reply between ${gap.between}`)
    assert.equal(await program(), oldProgram)
    const after = await carried()
    assert.ok(after > before, `${before} before, ${after} after`)
  })
}
