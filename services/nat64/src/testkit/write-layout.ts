import { writeFileSync } from 'node:fs'
import { layoutHeader } from '../core/fast-path-layout.ts'

writeFileSync(new URL('../../bpf/layout.h', import.meta.url), layoutHeader())
