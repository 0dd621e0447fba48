/** Network namespaces for tests: a test file of its own, and topologies of several. See README.md. */
export { enterNamespace } from './enter-namespace.ts'
export { Lab, type LinkEnd } from './lab.ts'
export { Namespace, type RunResult } from './namespace.ts'
export { NatsServer } from './nats-server.ts'
export { type Output, Process, SLOWNESS } from './process.ts'
export { AS_NOBODY } from './as-nobody.ts'
export { numberFrom } from './number-from.ts'
export { Random } from './random.ts'
