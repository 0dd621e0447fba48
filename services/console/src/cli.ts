/** `sixgate`: the command of the site's owner. */
import { runCommand } from './commands.ts'

const { stdout, stderr } = process

// `sixgate status --watch | head` ends without a complaint.
stdout.on('error', () => process.exit(0))

const status = await runCommand(process.argv.slice(2), process.env, {
  isInteractive: stdout.isTTY && process.env.NO_COLOR === undefined,
  print: (text) => void stdout.write(text),
  write: (bytes) => void stdout.write(bytes),
  complain: (text) => void stderr.write(`sixgate: ${text}\n`),
})
process.exitCode = status
