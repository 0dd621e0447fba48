/** What views of queries say when the document keeps none. */
export const KEEPS_NOTHING =
  'dns64 keeps no queries: dns64.queryLog is off in the site document. With names (not who asked) or clients it keeps the newest ones, in memory alone.'
