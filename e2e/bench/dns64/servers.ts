import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INTERNET, type Lab, type Running } from './lab.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
export const PREF64 = '64:ff9b::/96'
/** The processor of the servers under test, and that of the rest. */
const TESTED = 0
const REST = 1

/** A name server under test. */
export interface Server {
  readonly name: string
  readonly address: string
  readonly pid: number
  readonly output: () => string
}

export const ADDRESSES = { sixgate: 'fd00:6::1', BIND: 'fd00:6::b', unbound: 'fd00:6::5' } as const

const ZONE = `$TTL 3600
@ SOA ns admin 1 3600 600 86400 3600
@ NS ns
ns A ${INTERNET}
*.v4 A 198.51.100.80
*.v6 A 198.51.100.81
*.v6 AAAA 2001:db8::80
`

/** Makes configurations in a folder of its own, and starts the servers of the bench from there. */
export class Servers {
  readonly #lab: Lab
  readonly #folder = mkdtempSync(join(tmpdir(), 'bench-dns-'))

  constructor(lab: Lab) {
    this.#lab = lab
  }

  /** `*.v4.bench` has an A record, `*.v6.bench` both; authoritative, so every name there is. */
  internet(): Running {
    const folder = this.#inFolder('internet', {
      zone: ZONE,
      'named.conf': `options { directory "${join(this.#folder, 'internet')}"; pid-file none; session-keyfile none; listen-on { ${INTERNET}; }; listen-on-v6 { none; };
        recursion no; minimal-responses yes; rate-limit { responses-per-second 0; }; };
        controls { }; logging { category default { null; }; };
        zone "bench" { type primary; file "${join(this.#folder, 'internet', 'zone')}"; };\n`,
    })
    return this.#lab.start('u', { processor: REST }, 'named', '-f', '-n', '1', '-c', join(folder, 'named.conf'))
  }

  sixgate(settings: { cacheMaxEntries: number }): Server {
    const folder = this.#inFolder('sixgate', {
      // All features are on; the rate limit is above what dnsperf can do.
      'site.yaml': `lan: { interface: lan0, prefix: 'fd00:6::/64' }
pref64: ['${PREF64}']
nat64: { pool4: [198.18.0.0/15] }
dns64:
  upstreams: [${INTERNET}]
  exclude: []
  cacheMaxEntries: ${settings.cacheMaxEntries}
  rateLimit: { queriesPerS: 10000000, burst: 10000000 }
  prefixes: [{ pref64: '${PREF64}', clients: ['fd00:6::/64'], mapped: ['!10.0.0.0/8', 0.0.0.0/0], recursiveOnly: true }]
  domains: [{ name: never.bench, synthesis: never }]
  records: [{ name: printer.home.arpa, type: A, data: 192.168.1.9 }]
`,
    })
    mkdirSync(join(folder, 'state'))
    const environment = {
      SITE: `file:${join(folder, 'site.yaml')}`,
      STATE_DIR: join(folder, 'state'),
      HEALTH_FILE: join(folder, 'health.json'),
      RESOLV_CONF: '/dev/null',
    }
    const node = join(ROOT, 'node_modules/.bin/node')
    const main = join(ROOT, 'services/dns64/src/main.ts')
    const running = this.#lab.start('g', { processor: TESTED, environment }, node, main)
    return { name: 'sixgate', address: ADDRESSES.sixgate, ...running }
  }

  bind(): Server {
    const folder = this.#inFolder('bind', {
      'named.conf': `options { directory "${join(this.#folder, 'bind')}"; pid-file none; session-keyfile none; listen-on { none; }; listen-on-v6 { ${ADDRESSES.BIND}; };
        recursion yes; allow-query { any; }; forward only; forwarders { ${INTERNET}; }; dnssec-validation no; querylog no;
        recursive-clients 10000; max-cache-size 1g; minimal-responses yes;
        dns64 ${PREF64} { clients { any; }; }; };
        controls { }; logging { category default { null; }; };\n`,
    })
    const running = this.#lab.start(
      'g',
      { processor: TESTED },
      'named',
      '-f',
      '-n',
      '1',
      '-c',
      join(folder, 'named.conf'),
    )
    return { name: 'BIND', address: ADDRESSES.BIND, ...running }
  }

  unbound(): Server {
    const folder = this.#inFolder('unbound', {
      'unbound.conf': `server:
  interface: ${ADDRESSES.unbound}
  access-control: ::/0 allow
  chroot: ""
  username: ""
  directory: "${this.#folder}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  num-threads: 1
  module-config: "dns64 iterator"
  dns64-prefix: ${PREF64}
  msg-cache-size: 256m
  rrset-cache-size: 512m
  outgoing-range: 4096
  num-queries-per-thread: 4096
  so-reuseport: yes
  prefetch: yes
  serve-expired: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: ${INTERNET}
`,
    })
    const running = this.#lab.start(
      'g',
      { processor: TESTED },
      'unbound',
      '-d',
      '-p',
      '-c',
      join(folder, 'unbound.conf'),
    )
    return { name: 'unbound', address: ADDRESSES.unbound, ...running }
  }

  /** Resolves when a server answers with the mapped address; throws with what it printed when it does not within 20 s. */
  async ready(server: Server): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = this.#ask(server.address)
      if (answer.includes('64:ff9b::c633:6450')) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error(`${server.name} does not answer: ${this.#ask(server.address)}\n${server.output()}`)
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #ask(address: string): string {
    try {
      return this.#lab.run('c', 'dig', '+short', '+tries=1', '+time=1', `@${address}`, 'ready.v4.bench', 'AAAA')
    } catch (error) {
      return String(error)
    }
  }

  #inFolder(name: string, files: Record<string, string>): string {
    const folder = join(this.#folder, name)
    mkdirSync(folder)
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
    return folder
  }
}
