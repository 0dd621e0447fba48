import { accessSync, constants } from 'node:fs'

/** Whether this process may write a file or into a directory; false also when it is not there. */
export const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
