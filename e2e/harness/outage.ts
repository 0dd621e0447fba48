import { type Background, background } from './place.ts'

/** Seconds between the good answers of a kind of traffic. */
export interface Outage {
  /** The longest time between two good answers. */
  readonly longestS: number
  readonly good: number
  readonly failed: number
}

/** What a host does all the time, as command lines. Each says within about a second whether it worked. */
const kinds = (server: string): Readonly<Record<string, string>> => ({
  ping: `ping6 -n -c 1 -W 1 ${server}`,
  'new TCP connection': `curl -s -m 1 -o /dev/null http://[${server}]/`,
  // As programs ask: glibc waits 5 s for the first name server before it asks the second.
  'name (getent)': 'timeout 15 getent ahostsv6 www.example',
})

/** Seconds since 1970 of each good answer, of a loop's output. */
const stampsOf = (output: string): number[] =>
  output.split('\n').flatMap((line) => (line.endsWith(' ok') ? [Number(line.split(' ')[0])] : []))

export const outageOf = (output: string): Outage => {
  const stamps = stampsOf(output)
  const gaps = stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? 0))
  return {
    longestS: Math.max(0, ...gaps),
    good: stamps.length,
    failed: output.split('\n').filter((line) => line.endsWith(' failed')).length,
  }
}

export interface Traffic {
  /** True when each kind has had a good answer after this moment (seconds since 1970). */
  hasAnswersSince(unixS: number): Promise<boolean>
  /** Ends it. */
  finish(): Promise<Readonly<Record<string, Outage>>>
}

/** Starts traffic of all kinds in a container, each kind again 0.1 s after its answer. */
export async function startTraffic(container: string, server: string): Promise<Traffic> {
  const loops = new Map<string, Background>()
  for (const [kind, command] of Object.entries(kinds(server))) {
    const script = `trap "exit 0" INT; while :; do if ${command} >/dev/null 2>&1; then echo $EPOCHREALTIME ok; else echo $EPOCHREALTIME failed; fi; sleep 0.1; done`
    loops.set(kind, await background(container, `bash -c '${script}'`))
  }
  return {
    hasAnswersSince: async (unixS) => {
      const outputs = await Promise.all([...loops.values()].map((loop) => loop.output()))
      return outputs.every((output) => (stampsOf(output).at(-1) ?? 0) > unixS)
    },
    finish: async () => {
      const all = await Promise.all(
        [...loops].map(async ([kind, loop]) => [kind, outageOf(await loop.finish())] as const),
      )
      return Object.fromEntries(all)
    },
  }
}
