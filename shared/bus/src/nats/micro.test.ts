import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NatsLab } from '../testkit/nats-lab.ts'
import { Recorder } from '../testkit/recorder.ts'
import { type MicroIdentity, serveMicro } from './micro.ts'

const identity = (name: string, id: string): MicroIdentity => ({
  name,
  id,
  version: '1.2.3',
  description: `sixgate ${name}`,
  startedAtMs: Date.UTC(2026, 0, 2),
})

/** Asks as `nats micro` does: one question, every answer until none has come for a while. */
const ask = async (lab: NatsLab, subject: string): Promise<Record<string, unknown>[]> => {
  const answers: Record<string, unknown>[] = []
  const nats = await lab.admin()
  for await (const message of await nats.requestMany(subject, '', { strategy: 'stall', maxWait: 2000, stall: 300 }))
    answers.push(message.json())
  return answers.toSorted((a, b) => String(a.id).localeCompare(String(b.id)))
}

describe('the services protocol (ADR-32)', () => {
  it('PING, INFO and STATS answer to all, to a name and to an instance', async () => {
    await using lab = await NatsLab.start()
    for (const [name, id] of [
      ['nat64', 'a'],
      ['nat64', 'b'],
      ['dns64', 'c'],
    ] as const)
      serveMicro((await lab.connectedLink()).connection, identity(name, id))
    const ids = async (subject: string): Promise<unknown[]> => (await ask(lab, subject)).map(({ id }) => id)
    for (const verb of ['PING', 'INFO', 'STATS']) {
      assert.deepEqual(await ids(`$SRV.${verb}`), ['a', 'b', 'c'], verb)
      assert.deepEqual(await ids(`$SRV.${verb}.nat64`), ['a', 'b'], verb)
      assert.deepEqual(await ids(`$SRV.${verb}.nat64.b`), ['b'], verb)
    }
  })

  it('answers have the fields that the protocol asks for', async () => {
    await using lab = await NatsLab.start()
    serveMicro((await lab.connectedLink()).connection, identity('nat64', 'a'))
    const common = { name: 'nat64', id: 'a', version: '1.2.3', metadata: {} }
    assert.deepEqual(await ask(lab, '$SRV.PING'), [{ type: 'io.nats.micro.v1.ping_response', ...common }])
    assert.deepEqual(await ask(lab, '$SRV.INFO'), [
      { type: 'io.nats.micro.v1.info_response', ...common, description: 'sixgate nat64', endpoints: [] },
    ])
    assert.deepEqual(await ask(lab, '$SRV.STATS'), [
      { type: 'io.nats.micro.v1.stats_response', ...common, started: '2026-01-02T00:00:00.000Z', endpoints: [] },
    ])
  })

  it('goes on after a restart of the server, and ends when told', async () => {
    await using lab = await NatsLab.start()
    const link = await lab.connectedLink()
    const end = serveMicro(link.connection, identity('nat64', 'a'))
    const changes = new Recorder<boolean>()
    link.onChange(() => changes.add(link.connected))
    await lab.restart()
    await changes.until((items) => items.at(-1) === true)
    assert.equal((await ask(lab, '$SRV.PING')).length, 1)
    end()
    await link.connection.flush()
    await assert.rejects(ask(lab, '$SRV.PING'), /no responders/i)
  })
})
