/** What the READMEs say, held against what there is: YAML, flags, commands, checks, and the demo's transcript. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parse, stringify } from 'yaml'
import { COMMANDS } from '../services/console/src/commands.ts'
import { ROOT } from './harness/engine.ts'
import { Stack } from './harness/stack.ts'
import { transcript } from './transcript/chapters.ts'
import { PICTURE } from './transcript/printer.ts'

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const README = read('README.md')
const SHIPPED = read('deploy/site.yaml')

const state = mkdtempSync(join(tmpdir(), 'readme-'))
after(() => rmSync(state, { recursive: true }))

/** `sixgate config validate` of a text. */
const validate = (text: string) => {
  const cli = join(ROOT, 'services/console/src/cli.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'config', 'validate', '-'], {
    input: text,
    encoding: 'utf8',
    env: { STATE_DIR: state },
  })
  return { status, said: `${stdout}${stderr}` }
}

/** Blocks of a kind of code, without the columns that they stand in. */
const blocksOf = (markdown: string, kind: string): string[] => {
  const blocks: string[] = []
  let open: { readonly isWanted: boolean; readonly indent: string; text: string } | undefined
  for (const line of markdown.split('\n')) {
    const [, indent = '', word] = /^( *)```(\w*)$/.exec(line) ?? []
    if (open !== undefined && word === '') {
      if (open.isWanted) blocks.push(open.text)
      open = undefined
    } else if (open !== undefined)
      open.text += `${line.startsWith(open.indent) ? line.slice(open.indent.length) : line}\n`
    else if (word !== undefined) open = { isWanted: word === kind, indent, text: '' }
  }
  return blocks
}

type Section = Readonly<Record<string, unknown>>
type Sections = Readonly<Record<string, Section | readonly unknown[]>>

const isSection = (section: Sections[string]): section is Section => !Array.isArray(section)

/** The document that ships, with these sections: their keys take the place of those that are there. */
const withSections = (sections: Sections): string => {
  const shipped = parse(SHIPPED) as Record<string, Section>
  const merged = Object.entries(sections).map(([name, section]) => [
    name,
    isSection(section) ? { ...shipped[name], ...section } : section,
  ])
  return stringify({ ...shipped, ...Object.fromEntries(merged) })
}

describe('site documents in the READMEs', () => {
  const found = ['README.md', ...globSync('services/*/README.md', { cwd: ROOT })].flatMap((file) =>
    blocksOf(read(file), 'yaml')
      .filter((text) => !text.includes('scrape_configs:'))
      .map((text, index) => ({ file, index, text })),
  )

  it('are found', () => assert.ok(found.length >= 4))

  for (const { file, index, text } of found)
    it(`${file}, number ${index + 1}: a good one, with the rest as it ships`, () => {
      // A list of resolvers alone stands in the columns that it has in its section.
      const sections = parse(/^ +upstreams:/.test(text) ? `dns64:\n${text}` : text) as Sections
      const { status, said } = validate(withSections(sections))
      assert.equal(status, 0, said)
    })

  it('what deploy/site.yaml has as comments is good, too, once it is written out', () => {
    // Keys of a section in two columns of `#`; a section that is commented out as a whole; more lines of either.
    const text = SHIPPED.replace('  prefix: auto ', '  prefix: "fd00:1:2:2::/64" ').replaceAll(
      /^( *)# ( *(?:[\w-]+:|- |\{|\[).*)$/gm,
      '$1$2',
    )
    const sections = [...SHIPPED.matchAll(/^ {2}# (\w+):/gm)].map(([, key]) => key ?? '')
    assert.ok(sections.length > 20)
    for (const key of sections) assert.match(text, new RegExp(`^ {2}${key}:`, 'm'))
    const lines = text.split('\n')
    // Two ways to write one thing: the second one counts here.
    const first = lines.findIndex((line) => line.startsWith('  upstreams: auto'))
    const { status, said } = validate(lines.toSpliced(first, 1).join('\n'))
    assert.equal(status, 0, `${said}\n${text}`)
  })
})

describe('the three ways to hang it into a network', () => {
  const flagsOf = (row: string): string[] => / \| `(--lan [^`]+)` \|$/.exec(row)?.[1]?.split(' ') ?? []
  const rows = README.split('\n').filter((line) => flagsOf(line).length > 0)

  it('two rows have flags, the third one is one of these', () => {
    assert.deepEqual(
      rows.map((row) => /\*\*(.*)\*\*/.exec(row)?.[1]),
      ['VLAN on one port', 'two ports'],
    )
    assert.match(README, /^\| \*\*behind another router\*\* \| as one of the two above;.* \| the same \|$/m)
  })

  for (const row of rows)
    it(`first-boot.sh ${flagsOf(row).join(' ')}: takes these flags, and what it writes is a good document`, () => {
      const flags = flagsOf(row)
      const value = (flag: string): string => flags[flags.indexOf(flag) + 1] ?? ''
      const script = read('deploy/pi/first-boot.sh')
      for (const flag of flags.filter((word) => word.startsWith('--')))
        assert.match(script, new RegExp(`^#   .*${flag}\\b`, 'm'))
      const vlan = flags.includes('--untagged') ? 'none' : value('--vlan')
      const { stdout } = spawnSync(
        'bash',
        [
          '-euc',
          'source deploy/pi/site-writer.sh; write_site deploy/site.yaml "$@"',
          'bash',
          value('--lan'),
          vlan,
          'auto',
          'auto',
          'no',
        ],
        { cwd: ROOT, encoding: 'utf8' },
      )
      assert.match(stdout, new RegExp(`^  interface: ${value('--lan')} `, 'm'))
      assert.match(stdout, vlan === 'none' ? /^ {2}# vlan:/m : new RegExp(`^  vlan: ${vlan} `, 'm'))
      const { status, said } = validate(stdout)
      assert.equal(status, 0, said)
    })
})

describe('what the README names', () => {
  it('every command of sixgate, and no other', () => {
    const rows = README.slice(README.indexOf('| command | shows |')).split('\n\n')[0]?.split('\n').slice(2) ?? []
    const named = rows.flatMap((row) => {
      const cell = row.split('|')[1] ?? ''
      const words = [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word.replaceAll(/ [A-Z]+/g, ''))
      // `config show`, `validate`, `apply`: the later ones have the first word of the first.
      const group = words[0]?.split(' ').length === 2 ? `${words[0]?.split(' ')[0]} ` : ''
      return words.map((word) => (word.includes(' ') ? word : `${group}${word}`))
    })
    const all = COMMANDS.map(({ words }) => words)
    assert.deepEqual(named.toSorted(), all.toSorted())
  })

  it('every check of doctor, where to look for it, and no other', () => {
    const sources = ['checks.ts', 'document-checks.ts'].map((file) =>
      read(`services/nat44-firewall/src/core/doctor/${file}`),
    )
    const checks = new Set(
      sources
        .join('\n')
        .matchAll(/\b(?:(?:ok|note|bad)\(\s*|id: )'([a-z0-9-]+)'/g)
        .map(([, id]) => id),
    )
    const table = README.slice(README.indexOf('| what one sees | look at |')).split('\n\n')[0] ?? ''
    const named = new Set(
      table.split('\n').flatMap((row) => {
        const list = /doctor ((?:`[a-z0-9-]+`(?: \([^)]*\))?(?:, )?)+)/.exec(row)?.[1] ?? ''
        return [...list.matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id)
      }),
    )
    // Services are checks of doctor, too.
    assert.deepEqual(named, new Set([...checks, 'console']))
  })

  it('targets of make that there are', () => {
    const targets = new Set(
      read('Makefile')
        .matchAll(/^([a-z0-9-]+):/gm)
        .map(([, target]) => target),
    )
    for (const [, target = ''] of README.matchAll(/(?:^|`)make ([a-z0-9-]+)(?![\w./-])/gm))
      assert.ok(targets.has(target), target)
  })
})

describe('the transcript of the demo in the README', () => {
  const text = blocksOf(README, '').find((block) => block.includes(PICTURE.trim().split('\n')[0] ?? '')) ?? ''
  const stack = new Stack('sixgate', { siteDir: '', resolvDir: '' })

  it('begins with the picture, and ends well', () => {
    assert.ok(text.includes(PICTURE.trimEnd().replace(/^\n/, '')))
    assert.match(text, /✓ this machine's own network is as it was\n\nEverything holds\.\n$/)
  })

  it('has each chapter and each step as they are now, in order, each with what it shows', () => {
    const steps = transcript(stack).flatMap(({ title, steps: own }, index) => [
      `${index + 1}. ${title}`,
      ...own.flatMap(({ at, why, line }) => [...(why === '' ? [] : [`# ${why}`]), `${at}$ ${line}`, '✓']),
    ])
    const last = [
      `${transcript(stack).length + 1}. How the services see it`,
      'pi$ docker compose exec console sixgate status',
      '✓',
    ]
    const seen = text
      .split('\n')
      .flatMap((line) => /^(\d+\. .*)|^ {2}(# .*|(?:client|pi|internet)\$ .*|✓)/.exec(line)?.slice(1) ?? [])
      .filter((part) => part !== undefined)
    assert.deepEqual(seen, [...steps, ...last])
  })
})
