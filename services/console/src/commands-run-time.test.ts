import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { LOG_LEVEL_QUESTION, SERVICE_NAMES } from '@sixgate/bus'
import { COMMANDS } from './commands.ts'
import { parseExposition } from './testkit/exposition.ts'
import { report, sixgateHere, withDaemon } from './testkit/sixgate.ts'

/** Runs a command line that needs no NATS. */
const runHere = async (...words: string[]) => await sixgateHere(undefined, words.join(' '))

describe('sixgate log level', () => {
  it('changes the level of a service that runs, and what it logs with it', async () => {
    await using lab = await withDaemon()
    const before = JSON.parse((await sixgateHere(lab, 'log level console --json')).stdout) as {
      levels: { level: string }[]
    }
    assert.equal(before.levels[0]?.level, 'info')
    const { status, stdout } = await sixgateHere(lab, 'log level console debug')
    assert.equal(status, 0)
    assert.match(stdout, /^SERVICE +INSTANCE +LEVEL +BEFORE\nconsole +\S+ +debug +info\n$/)
    const after = JSON.parse((await sixgateHere(lab, 'log level console --json')).stdout) as {
      levels: { level: string }[]
    }
    assert.equal(after.levels[0]?.level, 'debug')
  })

  it('asks every service, and every instance of it', async () => {
    await using lab = await withDaemon()
    for (const [service, instance] of [
      ['nat64', 'a'],
      ['nat64', 'b'],
      ['dns64', 'a'],
    ] as const) {
      const nats = await report(lab, service, { instance })
      nats.answer({ [LOG_LEVEL_QUESTION]: () => ({ level: 'warn', before: 'warn' }) })
    }
    const { stdout } = await sixgateHere(lab, 'log level --json')
    const { levels, complaints } = JSON.parse(stdout) as {
      levels: { service: string; instance: string }[]
      complaints: string[]
    }
    assert.deepEqual(
      levels.filter(({ service }) => service !== 'console').map(({ service, instance }) => `${service} ${instance}`),
      ['dns64 a', 'nat64 a', 'nat64 b'],
    )
    assert.equal(complaints.length, 2, 'the two that do not run')
  })

  it('refuses what is no level and no service, with what there is', async () => {
    await using lab = await withDaemon()
    const level = await sixgateHere(lab, 'log level console loud')
    assert.equal(level.status, 2)
    assert.match(level.stderr, /LEVEL: "loud": must be one of trace, debug, info/)
    const service = await sixgateHere(lab, 'log level mail debug')
    assert.equal(service.status, 2)
    assert.match(service.stderr, /SERVICE: "mail": must be one of ra-advertiser, dns64/)
  })
})

describe('sixgate metrics', () => {
  it('prints what all services count', async () => {
    await using lab = await withDaemon()
    await report(lab, 'nat64', { counters: { hosts: 3, pool_exhausted_total: 0 } })
    const { status, stdout } = await sixgateHere(lab, 'metrics')
    assert.equal(status, 0)
    const samples = parseExposition(stdout)
    const valueOf = (name: string): number | undefined => samples.find((sample) => sample.name === name)?.value
    assert.equal(valueOf('sixgate_nat64_hosts'), 3)
    assert.equal(valueOf('sixgate_config_published_revision'), 1)
    assert.equal(valueOf('sixgate_console_documents_published_total'), 1)
    const told = JSON.parse((await sixgateHere(lab, 'metrics --json')).stdout) as {
      samples: readonly { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[]
    }
    assert.deepEqual(
      told.samples.find(({ name }) => name === 'sixgate_nat64_hosts'),
      { name: 'sixgate_nat64_hosts', labels: { service: 'nat64', instance: 'a' }, value: 3 },
    )
    // The same series, each once.
    assert.deepEqual(
      told.samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`).toSorted(),
      samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`).toSorted(),
    )
  })
})

describe('every command', () => {
  it('has --json, as far as it prints something that is no file', () => {
    const without = COMMANDS.filter(({ options }) => options.json === undefined).map(({ words }) => words)
    assert.deepEqual(without, [])
  })
})

describe('the help', () => {
  it('names every command, and says more of each with examples that are its own', async () => {
    const { status, stdout } = await runHere('--help')
    assert.equal(status, 0)
    for (const { words, options } of COMMANDS) {
      assert.ok(stdout.includes(`  ${words}`), words)
      const help = await runHere(...words.split(' '), '--help')
      assert.equal(help.status, 0, words)
      assert.match(help.stdout, new RegExp(`^sixgate ${words}[^]*\nExamples\n {2}sixgate ${words}`), words)
      for (const option of Object.keys(options)) assert.ok(help.stdout.includes(`--${option}`), `${words} ${option}`)
    }
  })

  it('of a first word is that of all its commands', async () => {
    const { stdout } = await runHere('config', '--help')
    for (const word of ['show', 'validate', 'apply', 'diff', 'history', 'rollback'])
      assert.ok(stdout.includes(`sixgate config ${word}`), word)
  })

  it('every example is a command line that is understood', () => {
    for (const { words, examples } of COMMANDS) {
      assert.ok(examples.length > 0, words)
      for (const example of examples) assert.ok(`${example} `.startsWith(`${words} `), example)
    }
  })
})

/** What bash offers for a line that is typed up to its end. */
const bashOffers = (script: string, line: string): string[] => {
  const words = line.split(' ')
  const array = words.map((word) => `'${word}'`).join(' ')
  const code = `${script}
COMP_WORDS=(${array}) COMP_CWORD=${words.length - 1}
_sixgate
printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', code], { encoding: 'utf8' })
  assert.equal(stderr, '')
  return stdout.split('\n').filter((word) => word !== '')
}

const OFFERS: readonly (readonly [string, readonly string[]])[] = [
  ['sixgate con', ['config']],
  ['sixgate config ro', ['rollback']],
  ['sixgate dns ', ['explain', 'queries', 'top']],
  ['sixgate dns queries --r', ['--rcode', '--reason']],
  ['sixgate log level ', [...SERVICE_NAMES]],
  ['sixgate log level nat64 de', ['debug']],
  ['sixgate completion ', ['bash', 'zsh', 'fish']],
  ['sixgate status --w', ['--watch']],
  ['sixgate events --', ['--follow', '--since', '--service', '--json', '--help']],
  ['sixgate events --json --f', ['--follow']],
  ['sixgate nonsense ', []],
]

describe('sixgate completion', () => {
  for (const [line, offers] of OFFERS)
    it(`bash: "${line}"`, async () => {
      const { stdout } = await runHere('completion', 'bash')
      assert.deepEqual(bashOffers(stdout, line), offers)
    })

  it('bash knows every command', async () => {
    const { stdout } = await runHere('completion', 'bash')
    for (const { words } of COMMANDS) {
      const [first = '', second] = words.split(' ')
      assert.ok(bashOffers(stdout, 'sixgate ').includes(first), first)
      if (second !== undefined) assert.ok(bashOffers(stdout, `sixgate ${first} `).includes(second), words)
    }
  })

  for (const shell of ['zsh', 'fish'] as const)
    it(`${shell} can read its script`, async (t) => {
      const { stdout } = await runHere('completion', shell)
      for (const { words } of COMMANDS) assert.ok(stdout.includes(words.split(' ')[0] ?? ''))
      const directory = mkdtempSync(join(tmpdir(), 'completion-'))
      t.after(() => rmSync(directory, { recursive: true }))
      const file = join(directory, 'script')
      writeFileSync(file, stdout)
      const { status, stderr, error } = spawnSync(shell, ['-n', file], { encoding: 'utf8' })
      if (error !== undefined) t.skip(`${shell} is not installed`)
      else assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    })

  for (const [line, offers] of [
    ['sixgate dns ', ['explain', 'queries', 'top']],
    ['sixgate con', ['config']],
    ['sixgate dns queries --r', ['--rcode', '--reason']],
    ['sixgate log level nat64 de', ['debug']],
  ] as const)
    it(`fish: "${line}"`, async (t) => {
      const { stdout: script } = await runHere('completion', 'fish')
      const code = `${script}\ncomplete -C ${JSON.stringify(line)}`
      const { stdout, error } = spawnSync('fish', ['--no-config', '-c', code], { encoding: 'utf8' })
      if (error !== undefined) return t.skip('fish is not installed')
      // Behind the word there may be what it stands for.
      const words = stdout.split('\n').flatMap((text) => (text === '' ? [] : [text.split('\t')[0] ?? '']))
      return assert.deepEqual(new Set(words), new Set<string>(offers))
    })

  for (const [words, offers] of [
    [['dns', ''], 'explain queries top'],
    [['events', '--json', '--f'], '--follow --since --service --json --help'],
    [['log', 'level', 'nat64', ''], 'trace debug info warn error fatal silent'],
    [['config', 'validate', ''], 'a file'],
  ] as const)
    it(`zsh: "${words.join(' ')}"`, async (t) => {
      const { stdout: script } = await runHere('completion', 'zsh')
      // zsh itself narrows down what is offered; here it is seen before that.
      const code = `compadd() { shift; print -r -- $* }
_files() { print 'a file' }
compdef() { }
${script}
words=(sixgate ${words.map((word) => `'${word}'`).join(' ')}) CURRENT=${words.length + 1}
_sixgate`
      const { stdout, error } = spawnSync('zsh', ['-f', '-c', code], { encoding: 'utf8' })
      if (error !== undefined) return t.skip('zsh is not installed')
      return assert.equal(stdout, `${offers}\n`)
    })

  it('a program gets the table that a script is made of, and the script', async () => {
    const { stdout } = await runHere('completion', 'bash', '--json')
    const told = JSON.parse(stdout) as { commands: readonly { readonly words: string }[]; script: string }
    assert.deepEqual(
      told.commands.map(({ words }) => words),
      COMMANDS.map(({ words }) => words),
    )
    assert.equal(told.script, (await runHere('completion', 'bash')).stdout)
  })

  it('of another shell there is none', async () => {
    const { status, stderr } = await runHere('completion', 'tcsh')
    assert.equal(status, 2)
    assert.match(stderr, /SHELL: "tcsh": must be one of bash, zsh, fish/)
  })
})
