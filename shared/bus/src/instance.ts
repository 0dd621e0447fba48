import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** Docker mounts /etc/hostname and others from /var/lib/docker/containers/<id>/, in host network too. */
const CONTAINER_ID = /\/containers\/([0-9a-f]{12})[0-9a-f]{52}\//

/** The short container id that `docker ps` shows, when `mountInfo` (/proc/self/mountinfo) is that of a container. */
export const containerId = (mountInfo: string): string | undefined => CONTAINER_ID.exec(mountInfo)?.[1]

const readMountInfo = (): string => {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return ''
  }
}

/** Name of this copy of a service on this machine, of letters, digits and `-` only, so that it can be part of a NATS subject. */
const localName = (): string =>
  containerId(readMountInfo()) ?? `${hostname().replaceAll(/[^A-Za-z0-9-]+/g, '-')}-${process.pid}`

/** The same with the name of its gateway in front, when there are several. */
export const instanceName = (gateway?: string): string =>
  gateway === undefined ? localName() : `${gateway}-${localName()}`

/** True when `instance` is a name that `instanceName` gives on this gateway; undefined: the only one, which has all. */
export const isOnGateway = (instance: string, gateway: string | undefined): boolean =>
  gateway === undefined || instance.startsWith(`${gateway}-`)
