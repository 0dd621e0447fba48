import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { deleteLink, libc } from '@sixgate/host'
import { enterNamespace } from '@sixgate/testkit'
import { attachTun } from './tun.ts'

const skip = enterNamespace()

test('queues of the TUN hold as many packets as those of an Ethernet link, for every instance', { skip }, () => {
  const queues = [attachTun('queued'), attachTun('queued')]
  try {
    const [link] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', 'queued'], { encoding: 'utf8' })) as {
      readonly txqlen: number
    }[]
    assert.equal(link?.txqlen, 1000)
  } finally {
    for (const { fd } of queues) libc.closeFd(fd)
    deleteLink('queued')
  }
})
