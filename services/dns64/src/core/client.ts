import { ALL_RULES, holdsAddress, type Policy, type View, viewWith } from './policy.ts'

/** What is known of an address that asked. One record per address, reused; brought up to date by `Clients.refresh`. */
export interface Client {
  readonly address: string
  /** The policy that the fields below are of. */
  policy: Policy | undefined
  mayAsk: boolean
  /** The prefixes of its questions with and without RD. */
  viewRecursive: View
  viewPlain: View
  /** Queries that it may send now, and when that was reckoned. */
  tokens: number
  refilledS: number
}

/** Addresses that are remembered; the one that was new longest ago goes. */
const MAX_CLIENTS = 8192

/** The clients, by address. */
export class Clients {
  readonly #byAddress = new Map<string, Client>()

  /** The record of an address, an old one or a new one. */
  of(address: string): Client {
    const known = this.#byAddress.get(address)
    if (known !== undefined) return known
    if (this.#byAddress.size >= MAX_CLIENTS) {
      const [oldest] = this.#byAddress.keys()
      if (oldest !== undefined) this.#byAddress.delete(oldest)
    }
    const client: Client = {
      address,
      policy: undefined,
      mayAsk: false,
      viewRecursive: ALL_RULES,
      viewPlain: ALL_RULES,
      tokens: 0,
      refilledS: 0,
    }
    this.#byAddress.set(address, client)
    return client
  }

  /** Makes a record that of `policy`. */
  refresh(client: Client, policy: Policy, nowS: number): void {
    const { address } = client
    const isFor = (rule: Policy['rules'][number]): boolean =>
      rule.clients === undefined || holdsAddress(rule.clients, address)
    client.policy = policy
    client.mayAsk = holdsAddress(policy.clients, address)
    client.viewRecursive = viewWith(policy, isFor)
    client.viewPlain = viewWith(policy, (rule) => isFor(rule) && !rule.recursiveOnly)
    client.tokens = policy.burst
    client.refilledS = nowS
  }
}

/** Takes one query off what a client may send; false: it asks more than dns64.rateLimit allows. */
export const takeToken = (client: Client, policy: Policy, nowS: number): boolean => {
  if (policy.queriesPerS === 0) return true
  if (client.refilledS !== nowS) {
    client.tokens = Math.min(policy.burst, client.tokens + (nowS - client.refilledS) * policy.queriesPerS)
    client.refilledS = nowS
  }
  if (client.tokens < 1) return false
  client.tokens--
  return true
}
