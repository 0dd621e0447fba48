/**
 * Traffic for the lab, run inside a namespace: `node traffic.ts MODE …`. Prints one JSON line when done; servers print
 * `ready`.
 *
 *   serve PORT                    TCP: answers "up N\n" + N octets by their SHA-256, "down N\n" by N octets; UDP: echo
 *   tcp HOST PORT up|down BYTES   {"sha256": of what was sent or received, "peer": what the server got (up)}
 *   udp HOST PORT BYTES           {"echoed": true}, or {"error": code} when the socket reports one (ICMP)
 */
import { createHash, type Hash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { argv, stdout } from 'node:process'

const CHUNK_BYTES = 65_536

/** Octets that do not repeat with any packet size. */
const chunkOf = (index: number): Buffer => {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  let state = (index + 1) * 0x9e3779b1
  for (let at = 0; at < CHUNK_BYTES; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    chunk.writeUInt32LE(state, at)
  }
  return chunk
}

const send = async (socket: Socket, bytes: number): Promise<string> => {
  const hash = createHash('sha256')
  for (let left = bytes, index = 0; left > 0; left -= CHUNK_BYTES, index++) {
    const chunk = chunkOf(index).subarray(0, Math.min(left, CHUNK_BYTES))
    hash.update(chunk)
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  return hash.digest('hex')
}

const say = (value: unknown): void => {
  stdout.write(`${JSON.stringify(value)}\n`)
}

/** Reads a request line, and hashes what comes behind it. */
const serveOne = (socket: Socket): void => {
  let head = ''
  let hash: Hash | undefined
  let left = 0
  socket.on('error', () => socket.destroy())
  socket.on('data', (data) => {
    let rest = data
    if (hash === undefined) {
      head += data.toString('latin1')
      const end = head.indexOf('\n')
      if (end < 0) return
      const [direction, count] = head.slice(0, end).split(' ')
      rest = Buffer.from(head.slice(end + 1), 'latin1')
      hash = createHash('sha256')
      left = Number(count)
      if (direction === 'down') {
        void send(socket, left).then(() => socket.end())
        return
      }
    }
    hash.update(rest)
    left -= rest.length
    if (left === 0) socket.end(hash.digest('hex'))
  })
}

const serve = async (port: number): Promise<void> => {
  const tcp = createServer(serveOne).listen(port, '0.0.0.0')
  await once(tcp, 'listening')
  const udp = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  udp.on('message', (message, from) => udp.send(message, from.port, from.address))
  udp.bind(port)
  await once(udp, 'listening')
  stdout.write('ready\n')
}

const tcpClient = async (host: string, port: number, direction: string, bytes: number): Promise<void> => {
  const socket = connect(port, host)
  await once(socket, 'connect')
  socket.write(`${direction} ${bytes}\n`)
  const hash = createHash('sha256')
  let text = ''
  socket.on('data', (data) => {
    if (direction === 'down') hash.update(data)
    else text += data.toString('latin1')
  })
  const ended = once(socket, 'end')
  const sent = direction === 'up' ? await send(socket, bytes) : undefined
  await ended
  socket.destroy()
  say(direction === 'up' ? { sha256: sent, peer: text } : { sha256: hash.digest('hex'), peer: hashOf(bytes) })
}

const hashOf = (bytes: number): string => {
  const hash = createHash('sha256')
  for (let left = bytes, index = 0; left > 0; left -= CHUNK_BYTES, index++)
    hash.update(chunkOf(index).subarray(0, Math.min(left, CHUNK_BYTES)))
  return hash.digest('hex')
}

const udpClient = async (host: string, port: number, bytes: number): Promise<void> => {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.connect(port, host)
  await once(socket, 'connect')
  const message = chunkOf(7).subarray(0, bytes)
  const answer = Promise.withResolvers<unknown>()
  socket.on('message', (data) => answer.resolve({ echoed: message.equals(data) }))
  socket.on('error', (error: NodeJS.ErrnoException) => answer.resolve({ error: error.code }))
  socket.send(message)
  say(await answer.promise)
  socket.close()
}

const [mode, first = '', port = '0', third = '0', fourth = '0'] = argv.slice(2)
if (mode === 'serve') await serve(Number(first))
else if (mode === 'tcp') await tcpClient(first, Number(port), third, Number(fourth))
else if (mode === 'udp') await udpClient(first, Number(port), Number(third))
else throw new Error(`no mode ${mode}`)
