/** Text that a service or a stranger wrote, for a terminal: control characters other than the end of a line are shown, not obeyed. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, '0')
    return `\\x${code}`
  })

/** Pads the cells of all rows, so that columns stand below each other; the last column is left as it is. */
export const alignColumns = (texts: readonly (readonly string[])[]): string[][] => {
  const rows = texts.map((row) => row.map(printable))
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row.map((cell, column) => (column === columns - 1 ? cell : cell.padEnd(widths[column] ?? 0))),
  )
}

export const joinCells = (cells: readonly string[]): string => cells.join('  ')

/** Rows as lines of text, each ended: head first. */
export const renderColumns = (rows: readonly (readonly string[])[]): string =>
  alignColumns(rows)
    .map((cells) => `${joinCells(cells)}\n`)
    .join('')
