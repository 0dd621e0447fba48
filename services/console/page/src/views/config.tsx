import { useEffect, useState } from 'preact/hooks'
import type { Config as Answered, ConfigCheck, RevisionText } from '../../../src/core/web/schemas.ts'
import { Answer } from '../answer.tsx'
import { post } from '../api.ts'
import { useApi } from '../use-api.ts'

const EVERY_MS = 2000
const TICK_MS = 500
const CONFIRM_S = [60, 120, 300] as const

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const Diff = ({ diff }: { readonly diff: ConfigCheck['diff'] }) =>
  diff.length === 0 ? (
    <p class="faint">Nothing is changed.</p>
  ) : (
    <pre class="diff" tabIndex={0} aria-label="Changes">
      {diff.map(({ oldStart, newStart, lines }) => (
        <div key={`${oldStart} ${newStart}`}>
          <span class="faint">
            line {newStart}
            {'\n'}
          </span>
          {lines.map(({ kind, text }, index) => (
            <span key={`${index} ${text}`} class={kind}>
              {{ same: '  ', removed: '- ', added: '+ ' }[kind] + text}
              {'\n'}
            </span>
          ))}
        </div>
      ))}
    </pre>
  )

const Issues = ({ issues }: { readonly issues: ConfigCheck['issues'] }) =>
  issues.length === 0 ? (
    <p class="good">A good site document.</p>
  ) : (
    <ul class="notice bad" role="alert">
      {issues.map(({ line, column, path, message }) => (
        <li key={`${line} ${column} ${path} ${message}`}>
          {line !== null && `line ${line}, column ${column}: `}
          {path} {message}
        </li>
      ))}
    </ul>
  )

interface CountdownProps {
  readonly untilMs: number
  /** The gateway's clock when the answer was made. */
  readonly nowMs: number
  readonly onConfirm: () => void
  readonly onRollBack: () => void
}

/** An edit that waits: without a word from its author the old text comes back. */
const Countdown = ({ untilMs, nowMs, onConfirm, onRollBack }: CountdownProps) => {
  const [endsMs, setEndsMs] = useState(0)
  const [leftS, setLeftS] = useState(Math.ceil((untilMs - nowMs) / 1000))
  // By this browser's steady clock: the gateway's may differ.
  useEffect(() => setEndsMs(performance.now() + untilMs - nowMs), [untilMs])
  useEffect(() => {
    const tick = (): void => setLeftS(Math.max(0, Math.ceil((endsMs - performance.now()) / 1000)))
    const timer = setInterval(tick, TICK_MS)
    return () => clearInterval(timer)
  }, [endsMs])
  return (
    <section class="notice" aria-label="An edit waits to be confirmed">
      <p>
        The edit is written. Without your confirmation the text before it comes back in{' '}
        <strong role="timer">{leftS} s</strong>.
      </p>
      <div class="line">
        <button type="button" onClick={onConfirm}>
          Keep it
        </button>
        <button type="button" class="quiet" onClick={onRollBack}>
          Take it back
        </button>
      </div>
    </section>
  )
}

interface EditorProps {
  readonly config: Answered
  /** The text of an earlier revision, as an edit of what the file holds. */
  readonly proposed: string | undefined
  readonly onDone: () => void
}

const Editor = ({ config, proposed, onDone }: EditorProps) => {
  /** What the edit was made from, and the edit. */
  const [base, setBase] = useState(config.text)
  const [text, setText] = useState(proposed ?? config.text)
  const [check, setCheck] = useState<ConfigCheck>()
  const [confirmS, setConfirmS] = useState<number>(CONFIRM_S[0])
  const [complaint, setComplaint] = useState('')
  const isChanged = text !== base
  // Whoever changed nothing here sees what the file holds now.
  useEffect(() => {
    if (isChanged) return
    setBase(config.text)
    setText(config.text)
  }, [config.text])
  const run = async (work: () => Promise<void>): Promise<void> => {
    setComplaint('')
    try {
      await work()
    } catch (error) {
      setComplaint(messageOf(error))
    }
  }
  const look = (): Promise<void> => run(async () => setCheck(await post<ConfigCheck>('config/check', { text })))
  const settle = (answer: Answered): void => {
    setBase(answer.text)
    setText(answer.text)
    setCheck(undefined)
    onDone()
  }
  const apply = (): Promise<void> =>
    run(async () => settle(await post<Answered>('config/apply', { text, expected: base, confirmS })))
  return (
    <>
      {config.confirmUntilMs !== null && (
        <Countdown
          untilMs={config.confirmUntilMs}
          nowMs={config.nowMs}
          onConfirm={() => void run(async () => settle(await post<Answered>('config/confirm', {})))}
          onRollBack={() => void run(async () => settle(await post<Answered>('config/rollback', {})))}
        />
      )}
      {config.obstacle !== null && (
        <p class="notice">An edit can be checked here, and not be applied: {config.obstacle}</p>
      )}
      {isChanged && config.text !== base && (
        <p class="notice bad" role="alert">
          The file was changed meanwhile. Start from what it holds now:{' '}
          <button type="button" class="quiet" onClick={() => settle(config)}>
            Drop my edit
          </button>
        </p>
      )}
      <label>
        site.yaml, revision {config.revision} in force
        <textarea
          spellcheck={false}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value)
            setCheck(undefined)
          }}
        />
      </label>
      <div class="line">
        <button type="button" disabled={!isChanged} onClick={() => void look()}>
          Check
        </button>
        {check !== undefined && check.issues.length === 0 && check.diff.length > 0 && (
          <>
            <label>
              Comes back unless I confirm within
              <select value={confirmS} onChange={({ currentTarget }) => setConfirmS(Number(currentTarget.value))}>
                {CONFIRM_S.map((seconds) => (
                  <option key={seconds} value={seconds}>
                    {seconds} s
                  </option>
                ))}
              </select>
            </label>
            <button type="button" disabled={config.obstacle !== null} onClick={() => void apply()}>
              Apply
            </button>
          </>
        )}
      </div>
      <p class="bad" role="alert">
        {complaint}
      </p>
      {check !== undefined && (
        <>
          <Issues issues={check.issues} />
          <Diff diff={check.diff} />
        </>
      )}
    </>
  )
}

/** The revision that the address asks for: `#/config?revision=3`; '': none. */
const askedFor = (): string => new URLSearchParams(location.hash.split('?')[1] ?? '').get('revision') ?? ''

/** The file, with an edit of it that may begin with the text of an earlier revision. */
const Document = ({ proposed }: { readonly proposed: string | undefined }) => {
  // Another number asks at once.
  const [edition, setEdition] = useState(0)
  const config = useApi<Answered>('config', EVERY_MS, edition)
  return (
    <Answer of={config} empty={({ text }) => (text.trim() === '' ? 'The file is empty.' : undefined)}>
      {(value) => <Editor config={value} proposed={proposed} onDone={() => setEdition((before) => before + 1)} />}
    </Answer>
  )
}

const Earlier = ({ revision }: { readonly revision: string }) => (
  <Answer of={useApi<RevisionText>(`config/revision?${new URLSearchParams({ revision })}`, 0)}>
    {(earlier) => (
      <>
        <p class="notice">
          The editor holds the text of revision {earlier.revision}, with its comments. Check shows what that changes;
          nothing is changed before you apply it.
        </p>
        <Document proposed={earlier.text} />
      </>
    )}
  </Answer>
)

export const Config = () => {
  const [revision] = useState(askedFor)
  return revision === '' ? <Document proposed={undefined} /> : <Earlier revision={revision} />
}
