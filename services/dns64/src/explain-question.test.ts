import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QuestionRefused, WrongQuestion } from '@sixgate/bus'
import { answerExplain, explainRequest } from './explain-question.ts'

for (const [body, message] of [
  [undefined, /must have a name/],
  [{ type: 'AAAA' }, /must have a name/],
  [{ name: 5 }, /name: must be a text/],
  [{ name: 'a..b' }, /"a\.\.b" is no domain name: /],
  [{ name: 'www.example', type: 'none' }, /"NONE" is no record type: a name like AAAA, or TYPE65/],
  [{ name: 'www.example', type: 'TYPE65536' }, /"TYPE65536" is no record type/],
  [{ name: 'www.example', client: 'fd00::1%eth0' }, /"fd00::1%eth0" is no address of a client: IPv4 or IPv6/],
] as const)
  test(`a wrong question: ${JSON.stringify(body)}`, () => {
    assert.throws(
      () => explainRequest(body),
      (error) => {
        assert.ok(error instanceof WrongQuestion)
        assert.match(error.message, message)
        return true
      },
    )
  })

test('a good question before there is a document is refused, and is not wrong', () => {
  assert.throws(
    () => answerExplain(undefined, { name: 'www.example', type: 'type65', client: '192.0.2.1' }),
    (error) => error instanceof QuestionRefused && !(error instanceof WrongQuestion) && /try again/.test(error.message),
  )
})
