import koffi, { type node } from 'koffi'

/** Handles that are in use: koffi closes one that the garbage collector finds, and its events end without a word. */
const inUse = new Set<node.PollHandle>()

/**
 * Calls `onReadable` in the event loop (of a worker too) whenever descriptor `fd` can be read or has an error to be
 * read, again and again until it was read empty. For descriptors that `node:net` and `node:dgram` refuse: netlink, raw
 * and packet sockets, eventfd, TUN. Returns the function that ends it, which may be called again; call it before the
 * descriptor is closed, and when a read shows an error that does not go away. Keeps the process alive until then.
 *
 * Why not `koffi.node.poll` itself (3.3.4): it calls back outside Node's callback scope, so promises that the callback
 * settles wait for the next unrelated event; it hands over (status, events), not (events); and after a status below 0,
 * which a mere ENOBUFS of a netlink socket makes, libuv has stopped the handle for good.
 */
export const watchReadable = (fd: number, onReadable: () => void): (() => void) => {
  const options = { readable: true }
  let scheduled = false
  let stopped = false
  let ended = false
  const onPoll = (...[status]: readonly unknown[]): void => {
    stopped = typeof status === 'number' && status < 0
    if (scheduled || ended) return
    scheduled = true
    // Immediates run after the poll phase of the same turn, in a callback scope.
    setImmediate(run)
  }
  const run = (): void => {
    scheduled = false
    if (ended) return
    // Restarted first, so that it is done whatever `onReadable` throws; nothing is polled before that has returned.
    if (stopped) handle.start(options, onPoll)
    onReadable()
  }
  const handle = koffi.node.poll(fd, options, onPoll)
  inUse.add(handle)
  return () => {
    if (ended) return
    ended = true
    inUse.delete(handle)
    handle.close()
  }
}
