/**
 * For `node --import` in an image: the sources beside this folder are .ts files without types (blank-types.ts), so Node is to take them for
 * JavaScript. Else each process would load Node's stripper of types, which takes 30 MB and finds nothing to strip. Other files are as ever.
 */
import { registerHooks } from 'node:module'

const OURS = new URL('../../', import.meta.url).href

registerHooks({
  load: (url, context, nextLoad) =>
    nextLoad(url, url.startsWith(OURS) && url.endsWith('.ts') ? { ...context, format: 'module' } : context),
})
