import { formatPrefix } from '@sixgate/addr'
import type { Link } from '@sixgate/bus'
import { readIfThere } from '@sixgate/host'
import { ulaOf } from '@sixgate/site'
import { fieldChanges } from '../core/document-diff.ts'
import { unknownRevisions } from '../core/history.ts'
import { compareMappings, type RestorePreview } from '../core/restore-preview.ts'
import { shortTime } from '../times.ts'
import { Credentials, checkCredentials } from '../web/credentials.ts'
import { allHosts } from './all-hosts.ts'
import type { CheckedBackup } from './backup-archive.ts'
import { rulesBeside, type SitePlaces } from './collect-backup.ts'
import { readHistory } from './history-file.ts'
import { readPublished } from './publisher.ts'

const pageChanges = (
  { password, tokens }: CheckedBackup,
  stateDir: string,
): Pick<RestorePreview, 'password' | 'tokens'> => {
  const now = checkCredentials(new Credentials(stateDir).kept)
  const kept = checkCredentials({ password, tokens })
  const isReplaced = now.passwordId === undefined ? 'set' : now.passwordId === kept.passwordId ? 'same' : 'replaced'
  return {
    password: kept.passwordId === undefined ? 'none' : isReplaced,
    tokens: {
      added: kept.tokenNames.filter((name) => !now.tokenNames.includes(name)),
      removed: tokens === undefined ? [] : now.tokenNames.filter((name) => !kept.tokenNames.includes(name)),
    },
  }
}

/** Files of rules that are not the same, or only on one side. */
const rulesThatDiffer = (siteFile: string, kept: ReadonlyMap<string, string>): string[] => {
  const { rules } = rulesBeside(siteFile)
  return [...new Set([...rules.keys(), ...kept.keys()])].filter((name) => rules.get(name) !== kept.get(name)).toSorted()
}

/** Compares a backup with the site as it is; `diff` of the texts of site.yaml. Throws KvError, or what `node:fs` throws. */
export const previewRestore = async (
  link: Link,
  { siteFile, autoFile, stateDir }: SitePlaces,
  backup: CheckedBackup,
  diff: string,
): Promise<RestorePreview & { readonly complaints: readonly string[] }> => {
  const { manifest, mappings, history, ula, document } = backup
  const published = await readPublished(link)
  const { hosts, complaints } = mappings === undefined ? { hosts: [], complaints: [] } : await allHosts(link)
  const auto = readIfThere(autoFile)
  return {
    backup: { made: shortTime(manifest.madeAtMs), version: manifest.version, revision: manifest.revision },
    diff,
    changes: published === undefined ? null : fieldChanges(published.document, document),
    auto: { before: auto === undefined ? null : formatPrefix(ulaOf(auto, autoFile)), after: ula },
    mappings: mappings === undefined ? null : compareMappings(hosts, mappings),
    history: { revisions: history.length, unknown: unknownRevisions(readHistory(stateDir), history).length },
    ...pageChanges(backup, stateDir),
    rules: rulesThatDiffer(siteFile, backup.rules),
    complaints,
  }
}
