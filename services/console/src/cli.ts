/** `sixgate`: the command of the site's owner. */
import { runCommand } from './commands.ts'

process.exitCode = await runCommand(process.argv.slice(2), process.env)
// A watch of a connection that is being closed may keep the event loop alive.
process.exit()
