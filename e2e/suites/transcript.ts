import { describe, it } from 'node:test'
import type { SiteUnderTest } from '../harness/site-under-test.ts'
import { transcript } from '../transcript/chapters.ts'
import { runStep } from '../transcript/step.ts'

/** Every line of the demo's transcript, by the same commands and checks. */
export function transcriptSuite({ home, stack }: SiteUnderTest): void {
  for (const chapter of transcript(stack)) {
    describe(chapter.title, () => {
      for (const step of chapter.steps) {
        it(`${step.at}$ ${step.line}`, async () => {
          await runStep(step, home)
        })
      }
    })
  }
}
