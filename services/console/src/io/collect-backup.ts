import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Link, VERSION } from '@sixgate/bus'
import { readIfThere } from '@sixgate/host'
import { readSite, SiteError } from '@sixgate/site'
import { BACKUP_FORMAT, type Backup, isRulesName, type KeptMapping } from '../core/backup.ts'
import { type History, textOfDocument } from '../core/history.ts'
import { Credentials } from '../web/credentials.ts'
import { allHosts } from './all-hosts.ts'
import { readPublished } from './publisher.ts'

export interface SitePlaces {
  readonly siteFile: string
  readonly autoFile: string
  readonly stateDir: string
}

/** What could be had, and a sentence for each thing that could not. */
export interface Collected {
  readonly backup: Backup
  readonly complaints: readonly string[]
}

/** Rules of the owner, by the names of their files beside the site document. */
export const rulesBeside = (siteFile: string): { rules: Map<string, string>; complaints: string[] } => {
  const directory = join(dirname(siteFile), 'nft.d')
  const rules = new Map<string, string>()
  const complaints: string[] = []
  for (const name of namesIn(directory)) {
    if (!isRulesName(name))
      complaints.push(
        `${name}: a file of rules in a backup has a short name of letters, digits, ".", "_" and "-"; rename it`,
      )
    else rules.set(name, readFileSync(join(directory, name), 'utf8'))
  }
  return { rules, complaints }
}

const namesIn = (directory: string): string[] => {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.nft'))
      .toSorted()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** The text of the file when it is a good document, else that of the document in force. Throws SiteError: there is neither. */
const siteText = async (
  { siteFile, autoFile }: SitePlaces,
  history: History,
  published: string | undefined,
): Promise<{ text: string; complaints: string[] }> => {
  const text = readFileSync(siteFile, 'utf8')
  try {
    await readSite(text, siteFile, autoFile)
    return { text, complaints: [] }
  } catch (error) {
    const inForce = published === undefined ? undefined : textOfDocument(history, published)
    if (!(error instanceof SiteError) || inForce === undefined) throw error
    return { text: inForce, complaints: [`${error.message}\nso the backup has the text of the document in force`] }
  }
}

const mappingsNow = async (link: Link): Promise<{ mappings: KeptMapping[] | undefined; complaints: string[] }> => {
  const { hosts, complaints } = await allHosts(link)
  if (complaints.length > 0)
    return { mappings: undefined, complaints: [...complaints, 'the backup has no addresses of hosts'] }
  return { mappings: hosts.map(({ ip6, ip4, pref64 }) => ({ ip6, ip4, pref64 })), complaints: [] }
}

/** Everything that a backup holds. Throws KvError, SiteError, or what `node:fs` throws. */
export const collectBackup = async (
  link: Link,
  places: SitePlaces,
  history: History,
  madeAtMs: number,
): Promise<Collected> => {
  const published = await readPublished(link)
  const document = published && JSON.stringify(published.document)
  const [site, hosts] = await Promise.all([siteText(places, history, document), mappingsNow(link)])
  const { rules, complaints } = rulesBeside(places.siteFile)
  const manifest = { format: BACKUP_FORMAT, version: VERSION, madeAtMs, revision: published?.revision ?? 0 } as const
  return {
    backup: {
      manifest,
      site: site.text,
      rules,
      auto: readIfThere(places.autoFile),
      history,
      mappings: hosts.mappings,
      ...new Credentials(places.stateDir).kept,
    },
    complaints: [...site.complaints, ...hosts.complaints, ...complaints],
  }
}
