import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { converged } from '../harness/site-status.ts'
import type { SiteUnderTest } from '../harness/site-under-test.ts'

const EDIT_FILE = 'deploy/compose.edit.yml'

/** `deploy/compose.edit.yml`: the console may write the whole folder, so that an editor that replaced the file is nothing to it. */
export function editSuite(site: SiteUnderTest): void {
  const stack = site.stack.with(EDIT_FILE)
  let original = ''

  before(async () => {
    original = await site.readDocument()
    await stack.compose(['up', '--detach', '--no-build', '--wait', 'console'])
    await converged(stack)
  })
  after(async () => {
    await site.writeDocument(original)
    await site.stack.compose(['up', '--detach', '--no-build', '--wait', 'console'])
    await converged(site.stack)
  })

  it('after an editor replaced the file, a rollback writes the text before it, comments and all', async () => {
    const { revision } = await converged(stack)
    const edited = `# by an editor that renames\n${original.replace('linkMtu: 1500', 'linkMtu: 1470')}`
    assert.ok(edited.includes('linkMtu: 1470'))
    await site.writeDocument(edited)
    const { revision: next } = await converged(stack, revision)
    const { code, stdout, stderr } = await stack.sixgate(['config', 'rollback', 'previous'])
    assert.equal(code, 0, stdout + stderr)
    assert.equal(await site.readDocument(), original)
    await converged(stack, next)
  })

  it('the other way round: an editor replaces what the console wrote, and that is followed', async () => {
    const { revision } = await converged(stack)
    await site.writeDocument(original.replace('linkMtu: 1500', 'linkMtu: 1460'))
    const { revision: edited } = await converged(stack, revision)
    await site.writeDocument(original)
    await converged(stack, edited)
  })
}
