import type { ComponentChildren } from 'preact'
import type { Loaded } from './use-api.ts'

interface AnswerProps<T> {
  readonly of: Loaded<T>
  /** Sentence for an answer that holds nothing; undefined: it holds something. */
  readonly empty?: (value: T) => string | undefined
  readonly children: (value: T) => ComponentChildren
}

/** The four states of every view: it is loading, it failed, there is nothing, there is something. */
export const Answer = <T,>({ of, empty, children }: AnswerProps<T>) => {
  if (of.kind === 'loading')
    return (
      <p class="state" role="status" data-state="loading">
        Loading …
      </p>
    )
  if (of.kind === 'failed')
    return (
      <p class="state bad" role="alert" data-state="error">
        {of.error.message}
      </p>
    )
  const nothing = empty?.(of.value)
  return (
    <>
      {of.stale !== undefined && (
        <p class="notice bad" role="alert" data-state="stale">
          What follows is old: {of.stale.message}
        </p>
      )}
      {nothing === undefined ? (
        <div data-state="ready">{children(of.value)}</div>
      ) : (
        <p class="state" data-state="empty">
          {nothing}
        </p>
      )}
    </>
  )
}

/** Instances that did not answer. */
export const Complaints = ({ of }: { readonly of: readonly string[] }) =>
  of.length === 0 ? null : (
    <ul class="notice bad" role="alert">
      {of.map((complaint) => (
        <li key={complaint}>{complaint}</li>
      ))}
    </ul>
  )
