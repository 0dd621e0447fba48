import { AssertionError } from 'node:assert'
import type { Answer, Place } from '../harness/place.ts'
import type { Home } from '../topologies/home.ts'

/** The places of the home where a command can be typed. */
export type PlaceName = 'client' | 'pi' | 'internet'

/** One line typed somewhere, and what its answer has to show. The demo prints steps, the e2e tests assert the same ones. */
export interface Step {
  readonly at: PlaceName
  /** One line for somebody who has never seen this: what is about to be shown. */
  readonly why: string
  readonly line: string
  /** Done before the line is typed. */
  readonly prepare?: () => Promise<void>
  /** Returns the sentence that the answer proves; throws an AssertionError when it does not. */
  readonly check: (answer: Answer) => string
  /** Awaited after the line, before the next step: the event that the line sets off. */
  readonly settle?: () => Promise<void>
}

/** Steps that belong together. */
export interface Chapter {
  readonly title: string
  readonly steps: readonly Step[]
}

/** What a step came to. */
export interface Outcome {
  readonly answer: Answer
  /** The sentence it proves. */
  readonly shows: string
}

/** A step that does not hold: what was typed, what came, what should have come. */
export class StepError extends Error {
  override readonly name = 'StepError'
  readonly answer: Answer
  /** What did not hold. */
  readonly reason: string
  constructor(step: Step, answer: Answer, cause: AssertionError) {
    super(`${step.at}$ ${step.line}\n${answer.output}\n(exit code ${answer.code}) ${cause.message}`, { cause })
    this.answer = answer
    this.reason = cause.message
  }
}

/** Types the step's line, checks its answer and awaits what it sets off. */
export async function runStep(step: Step, home: Home): Promise<Outcome> {
  const place: Place = home[step.at]
  await step.prepare?.()
  const answer = await place.type(step.line)
  let shows: string
  try {
    shows = step.check(answer)
  } catch (error) {
    throw error instanceof AssertionError ? new StepError(step, answer, error) : error
  }
  await step.settle?.()
  return { answer, shows }
}
