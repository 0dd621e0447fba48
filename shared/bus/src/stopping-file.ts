import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { isFreshMark } from './buckets.ts'

/** The mark of `nats/stopping-mark.ts` in a file that console and services share: it needs no NATS. */
export const putStoppingFile = (file: string, nowMs: number): void => {
  const draft = `${file}.next`
  writeFileSync(draft, String(nowMs))
  renameSync(draft, file)
}

/** Takes the mark back; there need not be one. Throws the error of the file system. */
export const removeStoppingFile = (file: string): void => rmSync(file, { force: true })

/** Whether the console left its mark a moment ago. A file that cannot be read is no mark. */
export const hasStoppingFile = (file: string, nowMs: number): boolean => {
  try {
    return isFreshMark(readFileSync(file, 'utf8'), nowMs)
  } catch {
    return false
  }
}
