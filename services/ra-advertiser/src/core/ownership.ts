import { equalIp6, formatIp6, type Ip6, parseIp6 } from '@sixgate/addr'
import type { LanStep, LanWish, LinkFacts } from './lan-plan.ts'
import { isLinkLocal } from './link-local.ts'

/** An address that this service added. */
export interface OwnedAddress {
  readonly name: string
  readonly ifindex: number
  readonly ip: Ip6
}

/** A link that this service created or switched on. */
export interface OwnedLink {
  readonly name: string
  /** undefined: the creation was about to happen when this was written down. */
  readonly ifindex: number | undefined
}

/** What on the host this service made, and so may take away again. */
export interface Owned {
  /** VLAN links that it created. */
  readonly created: readonly OwnedLink[]
  /** Links that it switched on. */
  readonly switchedOn: readonly OwnedLink[]
  readonly addresses: readonly OwnedAddress[]
}

export const NOTHING_OWNED: Owned = { created: [], switchedOn: [], addresses: [] }

/** What is owned once `step` is done. Written down before it is done, so that a crash in between forgets nothing. */
export const ownedAfter = (owned: Owned, step: LanStep): Owned => {
  switch (step.do) {
    case 'create-vlan':
      return {
        ...owned,
        created: [...owned.created.filter(({ name }) => name !== step.name), { name: step.name, ifindex: undefined }],
      }
    case 'switch-on':
      return {
        ...owned,
        switchedOn: [
          ...owned.switchedOn.filter(({ ifindex }) => ifindex !== step.ifindex),
          { name: step.name, ifindex: step.ifindex },
        ],
      }
    case 'add-address':
      return {
        ...owned,
        addresses: [
          ...owned.addresses.filter(({ ifindex, ip }) => ifindex !== step.ifindex || !equalIp6(ip, step.ip)),
          { name: step.name, ifindex: step.ifindex, ip: step.ip },
        ],
      }
    case 'set-sysctl':
      // Originals are kept by OriginalValues.
      return owned
    default:
      return step satisfies never
  }
}

/**
 * `owned` as far as it still stands on the host: a link that somebody removed is no longer owned, neither is one of the same
 * name that somebody else made since (another index). A creation that was under way is owned when its link is there.
 */
export const stillOwned = (owned: Owned, links: readonly LinkFacts[]): Owned => {
  const standing = (name: string, ifindex: number | undefined): LinkFacts | undefined =>
    links.find((link) => link.name === name && (ifindex === undefined || link.index === ifindex))
  return {
    created: owned.created.flatMap(({ name, ifindex }) => {
      const link = standing(name, ifindex)
      return link?.kind === 'vlan' ? [{ name, ifindex: link.index }] : []
    }),
    switchedOn: owned.switchedOn.filter(({ name, ifindex }) => standing(name, ifindex) !== undefined),
    addresses: owned.addresses.filter(({ name, ifindex }) => standing(name, ifindex) !== undefined),
  }
}

/** The part of `owned` that none of `wishes` has a use for (all of it without wishes): to be taken away. */
export const surplus = (owned: Owned, wishes: readonly LanWish[]): Owned => {
  const isLan = (name: string): boolean => wishes.some(({ link }) => link === name)
  const isParent = (name: string): boolean => wishes.some(({ parent }) => parent === name)
  // A link-local address stays as long as its link is a LAN.
  const isUsed = ({ name, ip }: OwnedAddress): boolean =>
    wishes.some(({ link, router }) => link === name && (equalIp6(ip, router) || isLinkLocal(ip)))
  return {
    created: owned.created.filter(({ name }) => !isLan(name)),
    switchedOn: owned.switchedOn.filter(({ name }) => !isLan(name) && !isParent(name)),
    addresses: owned.addresses.filter((address) => !isUsed(address)),
  }
}

/** `owned` without `part`. */
export const without = (owned: Owned, part: Owned): Owned => ({
  created: owned.created.filter((entry) => !part.created.includes(entry)),
  switchedOn: owned.switchedOn.filter((entry) => !part.switchedOn.includes(entry)),
  addresses: owned.addresses.filter((entry) => !part.addresses.includes(entry)),
})

/** Whether nothing is owned. */
export const isNothing = (owned: Owned): boolean =>
  owned.created.length + owned.switchedOn.length + owned.addresses.length === 0

/** `owned` as plain data for a file. */
export const ownedToJson = (owned: Owned): unknown => ({
  ...owned,
  addresses: owned.addresses.map((address) => ({ ...address, ip: formatIp6(address.ip) })),
})

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const linksFrom = (value: unknown): OwnedLink[] | undefined => {
  if (!Array.isArray(value)) return undefined
  const links = value.map((entry: unknown): OwnedLink | undefined => {
    if (!isRecord(entry) || typeof entry.name !== 'string') return undefined
    const { name, ifindex } = entry
    return ifindex === undefined || typeof ifindex === 'number' ? { name, ifindex } : undefined
  })
  return links.every((entry) => entry !== undefined) ? links : undefined
}

const addressesFrom = (value: unknown): OwnedAddress[] | undefined => {
  if (!Array.isArray(value)) return undefined
  const addresses = value.map((entry: unknown): OwnedAddress | undefined => {
    if (!isRecord(entry) || typeof entry.name !== 'string' || typeof entry.ifindex !== 'number') return undefined
    const ip = typeof entry.ip === 'string' ? parseIp6(entry.ip) : undefined
    return ip === undefined ? undefined : { name: entry.name, ifindex: entry.ifindex, ip }
  })
  return addresses.every((entry) => entry !== undefined) ? addresses : undefined
}

/** Reads what `ownedToJson` wrote; undefined when it is something else. */
export const ownedFromJson = (value: unknown): Owned | undefined => {
  if (!isRecord(value)) return undefined
  const created = linksFrom(value.created)
  const switchedOn = linksFrom(value.switchedOn)
  const addresses = addressesFrom(value.addresses)
  return created && switchedOn && addresses && { created, switchedOn, addresses }
}
