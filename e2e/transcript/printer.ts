import type { Home } from '../topologies/home.ts'
import { type Outcome, type Step, StepError } from './step.ts'

/** What is where. */
export const PICTURE = `
        IPv6 only                       the Pi                             IPv4 only

      ┌──────────┐  LAN   ┌───────────────────────────────┐  WAN   ┌──────────┐     ┌────────────┐
      │  client  ├────────┤  ra-advertiser  dns64  nat64  ├────────┤ provider ├─────┤  internet  │
      │          │  lan0  │  nat44-firewall     console   │  eth0  │ (router, │     │ DNS, web,  │
      └──────────┘        └───────────────────────────────┘        │  router) │     │ iperf3 …   │
       no IPv4 at all      203.0.113.2, its only IPv4 address      └──────────┘     └────────────┘
                                                                                     198.51.100.x

  All of it runs in network namespaces and containers of its own; this machine's network is not touched.
  What follows are real commands and their real output. "✓" says what each one shows.
`

/** Writes the transcript: for people, in the order of events. Colours only on a terminal. */
export function printer(out: NodeJS.WriteStream) {
  const paint = (code: string) => (text: string) => (out.isTTY ? `\x1b[${code}m${text}\x1b[0m` : text)
  const bold = paint('1')
  const dim = paint('2')
  const green = paint('32')
  const red = paint('31')
  const line = (text = '') => out.write(`${text}\n`)
  const indented = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((row) => `  ${row}`.trimEnd())
      .join('\n')

  return {
    picture: () => line(PICTURE),
    /** Says what is being done, does it, and says how long it took. */
    progress: async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      out.write(dim(`  … ${what}`))
      const start = performance.now()
      try {
        const result = await work()
        line(dim(`: ${((performance.now() - start) / 1000).toFixed(1)} s`))
        return result
      } catch (error) {
        line(red(': failed'))
        throw error
      }
    },
    chapter: (number: number, title: string) => line(`\n${bold(`${number}. ${title}`)}`),
    command: (step: Step) => {
      line()
      if (step.why !== '') line(dim(`  # ${step.why}`))
      line(`  ${bold(`${step.at}$`)} ${step.line}`)
    },
    outcome: ({ answer, shows }: Outcome) => {
      if (answer.output.trim() !== '') line(indented(answer.output))
      line(green(`  ✓ ${shows}`))
    },
    failure: (error: unknown) => {
      if (error instanceof StepError) {
        if (error.answer.output.trim() !== '') line(indented(error.answer.output))
        line(red(`  ✗ exit code ${error.answer.code}; ${error.reason}`))
      } else {
        line(red(`  ✗ ${error instanceof Error ? error.message : String(error)}`))
      }
    },
    plain: (command: string, output: string) => {
      line(`\n  ${bold(command)}`)
      line(indented(output))
    },
    left: (home: Home) => {
      line(`\nThe site is up. To look around (needs root):`)
      for (const [what, command] of home.doors) line(`  ${what.padEnd(24)} ${bold(command)}`)
    },
    untouched: (changes: readonly string[]) => {
      if (changes.length === 0) line(green("  ✓ this machine's own network is as it was"))
      else line(red(`  ✗ this machine's own network changed:\n${indented(changes.join('\n'))}`))
    },
    verdict: (failed: number) =>
      line(failed === 0 ? `\n${green(bold('Everything holds.'))}` : `\n${red(bold(`${failed} steps do not hold.`))}`),
  }
}
