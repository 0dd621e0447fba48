/** console: publishes the site document and keeps it published. */
import { Console } from './console.ts'

await new Console(process.env).run()
