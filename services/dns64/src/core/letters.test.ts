import assert from 'node:assert/strict'
import { test } from 'node:test'
import { a, table } from '../testkit/records.ts'
import { packetsFor, type Script, type ScriptAnswer } from '../testkit/script.ts'
import { VirtualServer } from '../testkit/virtual-server.ts'

const NAME = 'www.example.net'
const SCRIPT = table({ [`${NAME} A`]: { answers: [a(NAME, '192.0.2.1', 1)] } })
/** A server that answers with the name in lower case. */
const lowering: Script = (asked) => {
  const lowered = asked.transport === 'udp' ? { ...(SCRIPT(asked) as ScriptAnswer), lowered: true } : SCRIPT(asked)
  return lowered
}

const asking = (script: Script): VirtualServer => {
  const server = new VirtualServer({ scripts: script })
  server.caseBits = 0b1010_1010_1010_1010
  return server
}

test('0x20: the letters of a question to an upstream are mixed, the client gets its own back', async () => {
  const server = asking(SCRIPT)
  const response = await server.ask({ name: 'wWw.example.net', type: 'A' })
  assert.deepEqual(
    server.heard.map((heard) => heard.letters),
    ['WwW.ExAmPlE.NeT'],
  )
  assert.deepEqual(response.answer, ['www.example.net. 1 A 192.0.2.1'])
  const [packet] = packetsFor(Buffer.from(response.message.bytes), 'udp', () => ({}))
  assert.ok(packet?.bytes.includes('wWw'))
})

test('0x20: an upstream that keeps letters is held to it: an answer with others is not used, TCP decides', async () => {
  let isForged = false
  const script: Script = (asked) => {
    const outcome = SCRIPT(asked) as ScriptAnswer
    return isForged && asked.transport === 'udp'
      ? { ...outcome, answers: [a(NAME, '203.0.113.66')], lowered: true }
      : outcome
  }
  const server = asking(script)
  await server.ask({ name: NAME, type: 'A' })
  isForged = true
  for (let i = 0; i < 5; i++) {
    await server.advance(2000)
    assert.deepEqual((await server.ask({ name: NAME, type: 'A' })).answer, [`${NAME}. 1 A 192.0.2.1`])
  }
  assert.equal(server.heard.filter((heard) => heard.transport === 'tcp').length, 5)
  assert.equal(server.counters.upstream_mismatched_total, 5)
  assert.equal(server.heard.at(-2)?.letters, 'WwW.ExAmPlE.NeT')
})

test('0x20: an upstream that never kept them is asked in lower case after three answers, and never believed before', async () => {
  const server = asking(lowering)
  for (let i = 0; i < 5; i++) {
    assert.deepEqual((await server.ask({ name: NAME, type: 'A' })).answer, [`${NAME}. 1 A 192.0.2.1`])
    await server.advance(2000)
  }
  assert.deepEqual(
    server.heard.map((heard) => `${heard.letters} ${heard.transport}`),
    [...Array.from({ length: 3 }, () => ['WwW.ExAmPlE.NeT udp', `${NAME} tcp`]).flat(), `${NAME} udp`, `${NAME} udp`],
  )
})
