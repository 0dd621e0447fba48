import type { UserConfig } from 'vite'

/** The page is served by the console itself, with a Content-Security-Policy that allows nothing inline. */
const config: UserConfig = {
  root: import.meta.dirname,
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
}

// oxlint-disable-next-line import/no-default-export -- what Vite asks for
export default config
