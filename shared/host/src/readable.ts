import koffi from 'koffi'

/** What `first` said; what it throws is thrown where an exception is an uncaught one. */
const isDoneBy = (first: () => boolean): boolean => {
  try {
    return first()
  } catch (error) {
    setImmediate(() => {
      throw error
    })
    return true
  }
}

/**
 * Calls `onReadable` in the event loop (of a worker too) whenever descriptor `fd` can be read or has an error to be
 * read, again and again until it was read empty. For descriptors that `node:net` and `node:dgram` refuse: netlink, raw
 * and packet sockets, eventfd, TUN. Returns the function that ends it, which may be called again; call it before the
 * descriptor is closed, and when a read shows an error that does not go away. Keeps the process alive until then.
 *
 * Why not `koffi.node.poll` itself (3.3.4): it calls back outside Node's callback scope, so promises that the callback
 * settles wait for the next unrelated event; it hands over (status, events), not (events); after a status below 0,
 * which a mere ENOBUFS of a netlink socket makes, libuv has stopped the handle for good; and the garbage collector
 * closes a handle that nothing refers to.
 *
 * `first` is for who cannot wait for that scope: called before, straight from the poll. True: nothing is left to do, and
 * `onReadable` is not called this time. It must settle no promise and not end the watch.
 */
export const watchReadable = (fd: number, onReadable: () => void, first?: () => boolean): (() => void) => {
  const options = { readable: true }
  let scheduled = false
  let stopped = false
  let ended = false
  const onPoll = (...[status]: readonly unknown[]): void => {
    stopped = typeof status === 'number' && status < 0
    if (scheduled || ended) return
    if (first !== undefined && !stopped && isDoneBy(first)) return
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
  // Safe from the garbage collector: koffi holds `onPoll`, and that refers to `handle` through `run`.
  const handle = koffi.node.poll(fd, options, onPoll)
  return () => {
    if (ended) return
    ended = true
    handle.close()
  }
}
