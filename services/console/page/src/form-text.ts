/** What was typed into a field of a form; empty when there is none. */
export const formText = (form: EventTarget | null, name: string): string => {
  const value = form instanceof HTMLFormElement ? new FormData(form).get(name) : null
  return typeof value === 'string' ? value : ''
}
