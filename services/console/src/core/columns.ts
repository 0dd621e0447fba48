/** Pads the cells of all rows, so that columns stand below each other; the last column is left as it is. */
export const alignColumns = (rows: readonly (readonly string[])[]): string[][] => {
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
