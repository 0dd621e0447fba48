/**
 * `load.ts KIND N` in the client's namespace: more than a host should ask for. `hosts N [FIRST]`: a datagram from each of N addresses of the LAN;
 * `names S`, `udp S`, `syn S`: for S seconds, from one address that is not the client's own: to the gateway another host. `churn S`: for S seconds a new
 * host every second, which asks a server of the IPv4 world something and is gone when it has the answer; SIGINT ends it. Prints how much it was.
 */
import { execFileSync } from 'node:child_process'
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { DNS_ADDRESS, SPEED_ADDRESS, WEB_ADDRESSES } from '../topologies/home.ts'
import { mapped, ROUTER } from '../transcript/facts.ts'
import { aaaaQuery } from './dns.ts'

const [kind = '', amount = '', from = '1'] = process.argv.slice(2)
const number = Number(amount)

const FLOODER = 'fd00:6:4::f00d'

/** Deprecated (RFC 4862 §5.5.4), so that nobody takes it who does not name it. */
const asFlooder = async (work: () => Promise<string>): Promise<string> => {
  const words = ['address', 'replace', `${FLOODER}/64`, 'dev', 'eth0', 'nodad', 'preferred_lft', '0']
  execFileSync('ip', ['-6', ...words])
  try {
    return await work()
  } finally {
    execFileSync('ip', ['-6', 'address', 'delete', `${FLOODER}/64`, 'dev', 'eth0'])
  }
}

const flooding = async (): Promise<DatagramSocket> => {
  const socket = createSocket('udp6')
  socket.on('error', () => undefined)
  socket.bind(0, FLOODER)
  await once(socket, 'listening')
  return socket
}

/** 100,000 names a minute. */
const NAMES_PER_TICK = 167
const TICK_MS = 100
const CHURN_PATIENCE_MS = 2000

/** Of this namespace: sockets may have addresses that no link has. */
const NONLOCAL_BIND = '/proc/sys/net/ipv6/ip_nonlocal_bind'

/** Datagrams from `count` addresses below fd00:6:4:0:f00d::/80, to a port that nobody listens on. */
const hosts = async (count: number): Promise<string> => {
  execFileSync('ip', ['-6', 'route', 'replace', 'local', 'fd00:6:4:0:f00d::/80', 'dev', 'lo'])
  writeFileSync(NONLOCAL_BIND, '1')
  try {
    for (let index = Number(from); index < Number(from) + count; index++) {
      const socket = createSocket({ type: 'udp6' })
      socket.on('error', () => undefined)
      socket.bind(0, `fd00:6:4:0:f00d::${index.toString(16)}`)
      await once(socket, 'listening')
      await new Promise((resolve) => socket.send('x', 9, mapped(DNS_ADDRESS), resolve))
      socket.close()
      if (index % 50 === 0) await pause(20)
    }
  } finally {
    writeFileSync(NONLOCAL_BIND, '0')
    execFileSync('ip', ['-6', 'route', 'del', 'local', 'fd00:6:4:0:f00d::/80', 'dev', 'lo'])
  }
  return `${count} addresses`
}

/** Addresses that no host has had before, one after the other: fd00:6:4::c:N. */
const churn = async (seconds: number): Promise<string> => {
  const endMs = performance.now() + seconds * 1000
  let [came, answered] = [0, 0]
  const isOver = new AbortController()
  process.once('SIGINT', () => isOver.abort())
  while (!isOver.signal.aborted && performance.now() < endMs) {
    const address = `fd00:6:4::c:${(Number(from) + came++).toString(16)}`
    execFileSync('ip', ['-6', 'address', 'add', `${address}/64`, 'dev', 'eth0', 'nodad', 'preferred_lft', '0'])
    const socket = createSocket('udp6')
    socket.on('error', () => undefined)
    socket.bind(0, address)
    await once(socket, 'listening')
    socket.send(aaaaQuery(came % 65_536, 'www.example'), 53, mapped(DNS_ADDRESS), () => undefined)
    const signal = AbortSignal.timeout(CHURN_PATIENCE_MS)
    const isAnswered = await once(socket, 'message', { signal }).then(
      () => true,
      () => false,
    )
    if (isAnswered) answered += 1
    socket.close()
    execFileSync('ip', ['-6', 'address', 'delete', `${address}/64`, 'dev', 'eth0'])
    await pause(TICK_MS * 10)
  }
  return JSON.stringify({ came, answered })
}

const names = async (seconds: number): Promise<string> => {
  const socket = await flooding()
  let [sent, answered] = [0, 0]
  socket.on('message', () => (answered += 1))
  const endMs = performance.now() + seconds * 1000
  while (performance.now() < endMs) {
    for (let index = 0; index < NAMES_PER_TICK; index++) {
      const query = aaaaQuery(sent % 65_536, `flood${sent++}.example`)
      socket.send(query, 53, ROUTER, () => undefined)
    }
    await pause(TICK_MS)
  }
  await pause(1000)
  socket.close()
  return `${sent} names, ${answered} answers`
}

const udp = async (seconds: number): Promise<string> => {
  const socket = await flooding()
  const payload = Buffer.alloc(64)
  let sent = 0
  const endMs = performance.now() + seconds * 1000
  while (performance.now() < endMs) {
    for (let index = 0; index < 64; index++) {
      socket.send(payload, 9000 + (sent++ % 1000), mapped(SPEED_ADDRESS), () => undefined)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.close()
  return `${sent} datagrams`
}

const syn = async (seconds: number): Promise<string> => {
  const open = new Set<Socket>()
  let opened = 0
  const endMs = performance.now() + seconds * 1000
  while (performance.now() < endMs) {
    for (let index = 0; index < 40; index++) {
      const socket = connect({ host: mapped(WEB_ADDRESSES[1]), port: 80, localAddress: FLOODER })
      opened += 1
      open.add(socket)
      const away = (): void => {
        open.delete(socket)
        socket.destroy()
      }
      socket.on('connect', away)
      socket.on('error', away)
    }
    await pause(10)
    // Only the newest are kept: descriptors are bounded.
    for (const socket of [...open].slice(0, Math.max(0, open.size - 500))) {
      open.delete(socket)
      socket.destroy()
    }
  }
  for (const socket of open) socket.destroy()
  return `${opened} connections begun`
}

const LOADS: Readonly<Record<string, (amount: number) => Promise<string>>> = {
  hosts,
  churn,
  names: async (seconds) => await asFlooder(async () => await names(seconds)),
  udp: async (seconds) => await asFlooder(async () => await udp(seconds)),
  syn: async (seconds) => await asFlooder(async () => await syn(seconds)),
}
const load = LOADS[kind]
if (load === undefined || !(number > 0))
  throw new Error(`load.ts ${kind} ${amount}: allowed are ${Object.keys(LOADS).join(', ')} and a number`)
process.stdout.write(`${await load(number)}\n`)
