import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Answer, QuestionRefused, type Questions, WrongQuestion } from '../questions.ts'
import { NatsLab, silent } from '../testkit/nats-lab.ts'
import { Recorder } from '../testkit/recorder.ts'
import { ask } from './ask.ts'
import { serveMicro } from './micro.ts'
import { QuestionServer } from './question-server.ts'

const QUESTIONS: Questions = {
  double: (body) => Number(body) * 2,
  later: async () => await Promise.resolve({ a: [1] }),
  nothing: () => undefined,
  refuse: () => {
    throw new QuestionRefused('name: "": must not be empty')
  },
  wrong: () => {
    throw new WrongQuestion('name: 5: must be a text')
  },
  break: () => {
    throw new Error('a bug')
  },
  long: () => 'x'.repeat(2_000_000),
}

const serve = async (lab: NatsLab, instance: string, questions?: Questions): Promise<QuestionServer> => {
  const server = new QuestionServer({ service: 'nat64', instance, log: silent })
  if (questions !== undefined) server.open(questions)
  const { connection } = await lab.connectedLink()
  server.serve(connection)
  serveMicro(
    connection,
    { name: 'nat64', id: instance, version: '1.2.3', description: '', startedAtMs: 0 },
    () => server.endpoints,
  )
  await connection.flush()
  return server
}

const put = async (lab: NatsLab, question: string, body?: unknown, expected = 1): Promise<Answer[]> =>
  await ask(await lab.connectedLink(), { service: 'nat64', question, body, expected })

describe('questions to a service', () => {
  it('are answered, or refused with the reason', async () => {
    await using lab = await NatsLab.start()
    await serve(lab, 'a', QUESTIONS)
    const refused = async (question: string): Promise<string | undefined> => (await put(lab, question))[0]?.refused
    assert.deepEqual(await put(lab, 'double', 21), [{ instance: 'a', answer: 42 }])
    assert.deepEqual(await put(lab, 'later'), [{ instance: 'a', answer: { a: [1] } }])
    assert.deepEqual(await put(lab, 'nothing'), [{ instance: 'a', answer: null }])
    assert.deepEqual(await put(lab, 'refuse'), [{ instance: 'a', refused: 'name: "": must not be empty' }])
    assert.deepEqual(await put(lab, 'wrong'), [{ instance: 'a', refused: 'name: 5: must be a text', isWrong: true }])
    assert.equal(await refused('break'), 'a defect of nat64, see its log: a bug')
    assert.match(String(await refused('long')), /^the answer cannot be sent: .*payload/i)
    assert.match(String(await refused('toString')), /^"toString" is no question of nat64; it answers: double, later, /)
  })

  it('no JSON is refused', async () => {
    await using lab = await NatsLab.start()
    await serve(lab, 'a', QUESTIONS)
    const reply = await (await lab.admin()).request('sixgate.nat64.double', '{"a":')
    assert.deepEqual(reply.json(), { instance: 'a', refused: 'the question is no JSON: {"a":', isWrong: true })
  })

  it('every instance answers; one that still starts says so', async () => {
    await using lab = await NatsLab.start()
    await serve(lab, 'b', QUESTIONS)
    await serve(lab, 'a')
    assert.deepEqual(await put(lab, 'double', 1, 2), [
      { instance: 'a', refused: 'the service is starting; ask again' },
      { instance: 'b', answer: 2 },
    ])
  })

  it('nobody there: no answers', async () => {
    await using lab = await NatsLab.start()
    assert.deepEqual(await put(lab, 'double'), [])
  })

  it('goes on after a restart of the server', async () => {
    await using lab = await NatsLab.start()
    const server = new QuestionServer({ service: 'nat64', instance: 'a', log: silent })
    server.open(QUESTIONS)
    const link = await lab.connectedLink()
    server.serve(link.connection)
    const changes = new Recorder<boolean>()
    link.onChange(() => changes.add(link.connected))
    await lab.restart()
    await changes.until((items) => items.at(-1) === true)
    assert.deepEqual(await put(lab, 'double', 3), [{ instance: 'a', answer: 6 }])
  })

  it('the services protocol lists them and counts', async () => {
    await using lab = await NatsLab.start()
    await serve(lab, 'a', { double: QUESTIONS.double ?? String, refuse: QUESTIONS.refuse ?? String })
    await put(lab, 'double', 1)
    await put(lab, 'refuse')
    const nats = await lab.admin()
    const info = (await nats.request('$SRV.INFO.nat64')).json<{ endpoints: unknown[] }>()
    assert.deepEqual(info.endpoints[0], {
      name: 'double',
      subject: 'sixgate.nat64.double',
      queue_group: '',
      metadata: {},
    })
    const stats = (await nats.request('$SRV.STATS.nat64')).json<{ endpoints: Record<string, unknown>[] }>()
    assert.deepEqual(
      stats.endpoints.map(({ name, num_requests, num_errors, last_error }) => [
        name,
        num_requests,
        num_errors,
        last_error,
      ]),
      [
        ['double', 1, 0, ''],
        ['refuse', 1, 1, 'name: "": must not be empty'],
      ],
    )
  })
})
