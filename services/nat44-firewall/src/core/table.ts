/** The table that is ours, and what nft scripts are made of. */
export const FAMILY = 'inet'
export const TABLE = 'sixgate'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
