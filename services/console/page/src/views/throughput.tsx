import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Throughput as Answered } from '../../../src/core/web/schemas.ts'
import { Answer } from '../answer.tsx'
import { showRate } from '../format.ts'
import { useApi } from '../use-api.ts'

const RANGES = { recent: 'Last half hour', day: 'Last day' } as const
const EVERY_MS = { recent: 2000, day: 30_000 } as const

const SERIES = [
  { name: 'outFastPath', label: 'out, kernel', colour: '--series-1', dash: [] },
  { name: 'outTypescript', label: 'out, TypeScript', colour: '--series-1', dash: [6, 4] },
  { name: 'inFastPath', label: 'in, kernel', colour: '--series-2', dash: [] },
  { name: 'inTypescript', label: 'in, TypeScript', colour: '--series-2', dash: [6, 4] },
] as const

const HEIGHT_PX = 320

const dataOf = (answer: Answered): uPlot.AlignedData => [
  answer.atMs.map((ms) => ms / 1000),
  ...SERIES.map(({ name }) => answer[name]),
]

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const optionsOf = (width: number): uPlot.Options => {
  const line = { stroke: colour('--line'), width: 1 }
  const axis = { stroke: colour('--text'), grid: line, ticks: line }
  return {
    width,
    height: HEIGHT_PX,
    // Two series have one colour: the line tells them apart, in the legend too.
    legend: {
      markers: {
        width: 3,
        dash: (_, index) => ((SERIES[index - 1]?.dash.length ?? 0) > 0 ? 'dashed' : 'solid'),
        fill: () => 'transparent',
      },
    },
    scales: { y: { range: (_, __, max) => [0, Math.max(max, 1000) * 1.1] } },
    axes: [axis, { ...axis, size: 90, values: (_, splits) => splits.map(showRate) }],
    series: [
      {},
      ...SERIES.map(({ label, colour: name, dash }) => ({
        label,
        stroke: colour(name),
        width: 2,
        dash: [...dash],
        points: { size: 4 },
        value: (_: uPlot, rate: number | null) => (rate === null ? '–' : showRate(rate)),
      })),
    ],
  }
}

const DARK = matchMedia('(prefers-color-scheme: dark)')

/** Whether the page is dark now: what is drawn has to be drawn again when that changes. */
const useDark = (): boolean => {
  const [isDark, setDark] = useState(DARK.matches)
  useEffect(() => {
    const onChange = (): void => setDark(DARK.matches)
    DARK.addEventListener('change', onChange)
    return () => DARK.removeEventListener('change', onChange)
  }, [])
  return isDark
}

/** A canvas; what it shows stands below it in words. */
const Chart = ({ answer }: { readonly answer: Answered }) => {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const isDark = useDark()
  useEffect(() => {
    const root = place.current
    if (root === null) return undefined
    const made = new uPlot(optionsOf(root.clientWidth), dataOf(answer), root)
    plot.current = made
    const resize = new ResizeObserver(() => made.setSize({ width: root.clientWidth, height: HEIGHT_PX }))
    resize.observe(root)
    return () => {
      resize.disconnect()
      made.destroy()
    }
    // The data of later answers is set below.
  }, [isDark])
  useEffect(() => plot.current?.setData(dataOf(answer)), [answer])
  return <div ref={place} class="chart" aria-hidden="true" />
}

const Words = ({ answer }: { readonly answer: Answered }) => (
  <dl class="figures">
    {SERIES.map(({ name, label }) => {
      const known = answer[name].filter((rate) => rate !== null)
      return (
        <div key={name}>
          <dt>{label}</dt>
          <dd>
            {known.length === 0 ? 'not known' : showRate(known.at(-1) ?? 0)}
            <span class="faint"> · most {showRate(Math.max(0, ...known))}</span>
          </dd>
        </div>
      )
    })}
  </dl>
)

export const Throughput = () => {
  const [range, setRange] = useState<keyof typeof RANGES>('recent')
  const answer = useApi<Answered>(`throughput?range=${range}`, EVERY_MS[range])
  return (
    <>
      <fieldset class="choice">
        <legend>Time</legend>
        {(Object.keys(RANGES) as (keyof typeof RANGES)[]).map((one) => (
          <label key={one}>
            <input type="radio" name="range" checked={range === one} onChange={() => setRange(one)} />
            {RANGES[one]}
          </label>
        ))}
      </fieldset>
      <p class="faint">“Kernel” is the eBPF fast path; “out” is towards the IPv4 internet.</p>
      <Answer
        of={answer}
        empty={({ outFastPath }) =>
          outFastPath.some((rate) => rate !== null)
            ? undefined
            : `Nothing was measured yet: it begins when nat64 reports${range === 'day' ? ', with one figure a minute' : ''}.`
        }
      >
        {(value) => (
          <>
            <Chart key={range} answer={value} />
            <Words answer={value} />
          </>
        )}
      </Answer>
    </>
  )
}
