import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeImageTree } from '../../../deploy/typeless/image-tree.ts'
import type { Running } from '../children.ts'
import { Lab, SERVER4, SERVER6 } from './lab.ts'

/** A gateway under test, ready for traffic. */
export interface Variant {
  readonly name: string
  readonly lab: Lab
  /** The address that the client dials to reach the server. */
  readonly target: string
  /** The process that carries the packets, when there is one. */
  readonly pid: number | undefined
  /** Kills that process (SIGKILL) and starts it again; resolves when it works. */
  readonly restart?: () => Promise<void>
  close(): Promise<void>
}

const PREF64 = 'fd64::/96'
const TARGET64 = `fd64::${SERVER4}`
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Source NAT of the pool to the gateway's own address: the same rule for all that need it. */
const masquerade = (lab: Lab, source: string): void =>
  lab.feed(
    `table ip bench { chain post { type nat hook postrouting priority srcnat; ip saddr ${source} oifname "wan0" masquerade; }; }`,
    'nft',
    '-f',
    '-',
  )

const READY_WITHIN_MS = 20_000

/** Waits until the client reaches the server through the gateway; throws with the gateway's own output when it never does. */
const awaitReachable = async (lab: Lab, target: string, gateway?: Running): Promise<void> => {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    try {
      lab.run('c', 'ping', '-c', '1', '-W', '1', target)
      return
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error(`${target} cannot be reached\n${gateway?.output() ?? ''}`, { cause: error })
      await pause(100)
    }
  }
}

/** Its report is of no use; through a pipe that nobody empties while a measure runs, it would stop in the midst of one. */
const serve = (lab: Lab): void => void lab.start('s', {}, 'iperf3', '-s', '--logfile', '/dev/null')

export const plain6 = async (): Promise<Variant> => {
  const lab = new Lab('a')
  serve(lab)
  await awaitReachable(lab, SERVER6)
  return { name: 'plain IPv6 forwarding', lab, target: SERVER6, pid: undefined, close: () => lab.close() }
}

export const masquerade4 = async (): Promise<Variant> => {
  const lab = new Lab('b')
  serve(lab)
  masquerade(lab, '192.0.2.0/24')
  await awaitReachable(lab, SERVER4)
  return { name: 'IPv4 masquerade', lab, target: SERVER4, pid: undefined, close: () => lab.close() }
}

export const tayga = async (): Promise<Variant> => {
  const lab = new Lab('c')
  serve(lab)
  const folder = mkdtempSync(join(tmpdir(), 'bench-tayga-'))
  const config = join(folder, 'tayga.conf')
  writeFileSync(
    config,
    `tun-device nat64\nipv4-addr 198.18.0.1\nipv6-addr fd00:5::1\nprefix ${PREF64}\ndynamic-pool 198.18.0.0/16\ndata-dir ${folder}\n`,
  )
  lab.run('g', 'tayga', '--config', config, '--mktun')
  lab.run('g', 'ip', 'link', 'set', 'nat64', 'up')
  lab.run('g', 'ip', 'route', 'add', '198.18.0.0/16', 'dev', 'nat64')
  lab.run('g', 'ip', '-6', 'route', 'add', PREF64, 'dev', 'nat64')
  masquerade(lab, '198.18.0.0/16')
  const gateway = lab.start('g', {}, 'tayga', '--config', config, '--nodetach')
  await awaitReachable(lab, TARGET64, gateway)
  const close = async (): Promise<void> => {
    await lab.close()
    rmSync(folder, { recursive: true })
  }
  return { name: 'TAYGA', lab, target: TARGET64, pid: gateway.process.pid, close }
}

/** Mappings that the crowded gateway has from the start. */
const CROWD = 65_536
export const CROWDED = `sixgate, ${CROWD.toLocaleString('en')} hosts`
/** `pool4` with room for them. */
const POOL4 = '198.18.0.0/15'

/** A journal as the service leaves it (address-map/journal-lines.ts): all but the client's mapping. */
const crowdJournal = (): string => {
  const now = Math.floor(Date.now() / 1000)
  return Array.from({ length: CROWD }, (_, index) => {
    const ip4 = `198.19.${index >>> 8}.${index & 255}`
    return `+ ${ip4} fd00:6::1:${index.toString(16)} ${PREF64} ${now}\n`
  })
    .slice(0, -1)
    .join('')
}

/** All in TypeScript. */
export const sixgate = (): Promise<Variant> => startSixgate('d', 'sixgate', { journal: '', fastPath: 'off' })

/** The same, with `CROWD` mappings. */
export const sixgateCrowded = (): Promise<Variant> =>
  startSixgate('e', CROWDED, { journal: crowdJournal(), fastPath: 'off' })

/** Known hosts in the kernel. Needs CAP_BPF and what bpf/build.sh makes. */
export const sixgateFast = (): Promise<Variant> =>
  startSixgate('f', 'sixgate, fast path', { journal: '', fastPath: 'auto' })

/** The same, UDP and ping of known flows past the IPv6 side of the stack. */
export const sixgateLan = (): Promise<Variant> =>
  startSixgate('h', 'sixgate, fast path at the LAN', { journal: '', fastPath: 'lan' })

/** Makes of an empty folder what the image has; returns Node's options, as the image has them. */
const makeImage = (folder: string): string => {
  const [, more] =
    /NODE_OPTIONS="\$NODE_OPTIONS (.+)"/.exec(readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8')) ?? []
  if (more === undefined) throw new Error('deploy/Dockerfile does not say with which options nat64 runs')
  return [...makeImageTree(folder), more].join(' ')
}

/** Not a gateway, a limit for one: see bare-loop.ts. */
export const BARE_LOOP = 'bare loop in TypeScript'
export const bareLoop = async (): Promise<Variant> => {
  const lab = new Lab('i')
  serve(lab)
  masquerade(lab, POOL4)
  const script = fileURLToPath(new URL('bare-loop.ts', import.meta.url))
  const gateway = lab.start('g', {}, join(ROOT, 'node_modules/.bin/node'), script)
  await awaitReachable(lab, TARGET64, gateway)
  return { name: BARE_LOOP, lab, target: TARGET64, pid: gateway.process.pid, close: () => lab.close() }
}

interface SixgateSetup {
  readonly journal: string
  readonly fastPath: 'auto' | 'lan' | 'off'
}

const startSixgate = async (letter: string, name: string, { journal, fastPath }: SixgateSetup): Promise<Variant> => {
  const lab = new Lab(letter)
  serve(lab)
  const folder = mkdtempSync(join(tmpdir(), 'bench-sixgate-'))
  mkdirSync(join(folder, 'state'))
  if (journal !== '') writeFileSync(join(folder, 'state', 'hosts.0.journal'), journal)
  const document = `lan: { interface: lan0, prefix: 'fd00:6::/64' }\nwan: { interface: wan0 }\npref64: ['${PREF64}']\nnat64: { pool4: [${POOL4}], fastPath: ${fastPath} }\n`
  writeFileSync(join(folder, 'site.yaml'), document)
  masquerade(lab, POOL4)
  const node = join(ROOT, 'node_modules/.bin/node')
  if (!existsSync(node)) throw new Error('node_modules is missing: run make check first')
  const app = join(folder, 'app')
  const environment = {
    NODE_OPTIONS: makeImage(app),
    SITE: `file:${join(folder, 'site.yaml')}`,
    STATE_DIR: join(folder, 'state'),
    HEALTH_FILE: join(folder, 'health.json'),
  }
  const start = (): Running => lab.start('g', environment, node, join(app, 'services/nat64/src/main.ts'))
  let gateway = start()
  await awaitReachable(lab, TARGET64, gateway)
  const expected = journal.split('\n').length - 1
  if (expected > 0 && !gateway.output().includes(`"hosts":${expected},`))
    throw new Error(`sixgate did not take over ${expected} mappings\n${gateway.output()}`)
  // A figure under the wrong name is worse than none.
  const isAsMeant =
    /fast path: on/.test(gateway.output()) === (fastPath !== 'off') &&
    /at this LAN, too/.test(gateway.output()) === (fastPath === 'lan')
  if (!isAsMeant) throw new Error(`${name}: the fast path is not as it should be\n${gateway.output()}`)
  const close = async (): Promise<void> => {
    await lab.close()
    rmSync(folder, { recursive: true })
  }
  const ready = fastPath === 'off' ? /data plane is up/ : /fast path: on/
  const restart = async (): Promise<void> => {
    const ended = once(gateway.process, 'close')
    gateway.process.kill('SIGKILL')
    await ended
    gateway = start()
    const deadline = Date.now() + READY_WITHIN_MS
    while (!ready.test(gateway.output())) {
      if (Date.now() > deadline) throw new Error(`${name} does not come back\n${gateway.output()}`)
      await pause(20)
    }
  }
  return {
    name,
    lab,
    target: TARGET64,
    get pid() {
      return gateway.process.pid
    },
    restart,
    close,
  }
}
