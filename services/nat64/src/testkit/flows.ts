/**
 * Many TCP connections at once, each of which is known to go on. Run inside a namespace.
 *
 *   node flows.ts serve PORT             prints `ready`; sends every line back, with the address that it came from
 *   node flows.ts run HOST PORT COUNT    prints `lap N from ADDRESS…` whenever each of the connections has got its Nth line
 *                                        back; ADDRESS: those that the server sees. One that breaks ends it with status 1
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { argv, exit, stderr, stdout } from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

/** Between laps: packets come all the time, and leave the processor to others. */
const PAUSE_MS = 50

const serve = async (port: number): Promise<void> => {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    createInterface(socket)
      .on('line', (line) => socket.write(`${line} ${socket.remoteAddress}\n`))
      // readline emits the socket's errors once more: a client that resets its connection ends no one else's.
      .on('error', () => {})
  }).listen(port, '0.0.0.0')
  await once(server, 'listening')
  stdout.write('ready\n')
}

/** A connection whose lines come back. */
class Flow {
  readonly #socket: Socket
  readonly #lines: NodeJS.AsyncIterator<string>

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#lines = createInterface(socket)[Symbol.asyncIterator]()
  }

  static async open(host: string, port: number): Promise<Flow> {
    const socket = connect(port, host)
    await once(socket, 'connect')
    const fail = (why: unknown): void => {
      stderr.write(`a connection broke: ${String(why)}\n`)
      exit(1)
    }
    socket.on('error', fail).on('end', () => fail('its other end is closed'))
    return new Flow(socket)
  }

  /** Sends a line and waits for it; returns the address that the server sees. */
  async say(text: string): Promise<string> {
    this.#socket.write(`${text}\n`)
    const { value } = await this.#lines.next()
    const [back, address = ''] = String(value).split(' ')
    if (back !== text) throw new Error(`"${text}" came back as "${back}"`)
    return address
  }
}

const run = async (host: string, port: number, count: number): Promise<void> => {
  const flows = await Promise.all(Array.from({ length: count }, async () => await Flow.open(host, port)))
  for (let lap = 1; ; lap++) {
    const addresses = await Promise.all(flows.map(async (flow) => await flow.say(String(lap))))
    stdout.write(`lap ${lap} from ${[...new Set(addresses)].join(' ')}\n`)
    await pause(PAUSE_MS)
  }
}

const [mode, first = '', port = '0', count = '0'] = argv.slice(2)
if (mode === 'serve') await serve(Number(first))
else await run(first, Number(port), Number(count))
