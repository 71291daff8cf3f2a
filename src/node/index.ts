export { type NodeAgentOptions, runNodeAgent } from './agent.ts';
export type { NodeServerOptions } from './node-server.ts';
export type { RuntimeImage } from './process/command.ts';
export { openProcessRuntime, type ProcessRuntimeOptions } from './process/runtime.ts';
export type { Runtime } from './runtime.ts';
