import { writeFileSync } from 'node:fs'
import { libc } from '@sixgate/host'

/**
 * Runs `use` with the descriptor of a file that holds `text`, for a program that wants a file where no disk need have room for
 * one. The file is in memory, in no directory, and gone with its last descriptor; whoever opens `/proc/self/fd/N` reads it from
 * its beginning. Throws HostError (no descriptor to be had) and what `node:fs` throws (no memory).
 */
export const withMemoryFile = async <T>(name: string, text: string, use: (fd: number) => Promise<T>): Promise<T> => {
  const fd = libc.memfd(name)
  try {
    writeFileSync(fd, text)
    return await use(fd)
  } finally {
    libc.closeFd(fd)
  }
}
