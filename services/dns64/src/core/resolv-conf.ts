/** The addresses of the `nameserver` lines of a resolv.conf(5), in order, without repetition. */
export const nameserversOf = (text: string): string[] => {
  const found = new Set<string>()
  for (const line of text.split('\n')) {
    // resolv.conf(5): the keyword starts the line, the address follows after blanks; # and ; start comments.
    const address = /^\s*nameserver\s+([0-9A-Za-z.:%_-]+)\s*(?:[#;].*)?$/.exec(line)?.[1]
    if (address !== undefined) found.add(address)
  }
  return [...found]
}
