/** `sixgate`: the command of the site's owner. */
import { runCommand } from './commands.ts'

const { stdout, stderr, env } = process
const closed = new AbortController()

// `sixgate status --watch | head` ends without a complaint; nor does a closed standard error end a command half way.
stdout.on('error', () => closed.abort())
stderr.on('error', () => undefined)

const print = (text: string | Uint8Array): void => {
  if (!closed.signal.aborted) stdout.write(text)
}

const isInteractive = stdout.isTTY
const status = await runCommand(process.argv.slice(2), env, {
  isInteractive,
  // https://no-color.org: when it is there and not empty.
  hasColours: isInteractive && !env.NO_COLOR && env.TERM !== 'dumb',
  closed: closed.signal,
  print,
  write: print,
  complain: (text) => void stderr.write(`sixgate: ${text}\n`),
})
process.exitCode = status
