import type { FunctionObject } from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { CommandError } from '../command.ts';
import type { Session } from '../session.ts';
import type { CodeRuntime } from './source-folder.ts';

export interface Deployment {
  readonly namespace: string;
  readonly name: string;
  readonly runtime: CodeRuntime;
  readonly handler: string;
  /** Name of the package. */
  readonly package: string;
}

export interface Applied {
  readonly fn: FunctionObject;
  readonly done: 'created' | 'configured' | 'unchanged';
}

/** Creates the Function, or points the one that is there to the package; the rest of its spec stays. */
export async function applyFunction(session: Session, it: Deployment): Promise<Applied> {
  const functions = session.client.resource(refs.functions);
  const { namespace, name, runtime, handler } = it;
  const source = { package: { name: it.package } };
  const before = await functions.find({ namespace, name });
  if (before === undefined) {
    const fn = await functions.create({
      apiVersion: 'nought.dev/v1',
      kind: 'Function',
      metadata: { name, namespace },
      spec: { runtime, handler, source },
    });
    return { fn, done: 'created' };
  }
  const spec = {
    runtime,
    handler,
    source: { ...source, inline: null, files: null, image: null },
  };
  const fn = await functions.patch({ namespace, name }, { spec }, { type: 'merge' });
  const same = fn.metadata.generation === before.metadata.generation;
  return { fn, done: same ? 'unchanged' : 'configured' };
}

/** Resolves once the Function works as it was applied; throws CommandError with why it does not. */
export async function awaitReady(
  session: Session,
  applied: FunctionObject,
): Promise<FunctionObject> {
  const { namespace = '', name, generation = 0 } = applied.metadata;
  const functions = session.client.resource(refs.functions);
  for (;;) {
    const fn = await functions.get({ namespace, name });
    if (verdict(fn, generation)) return fn;
    const options = {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: fn.metadata.resourceVersion ?? '',
    };
    for await (const event of functions.watch(options, session.signal)) {
      // The client throws what a watch reports as an error.
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
      if (event.type === 'DELETED') throw new CommandError(`Function "${name}" was deleted`);
      if (verdict(event.object, generation)) return event.object;
    }
    session.signal.throwIfAborted();
  }
}

/** True when it is ready, false while that is open. */
function verdict(fn: FunctionObject, generation: number): boolean {
  const ready = fn.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready === undefined || (ready.observedGeneration ?? 0) < generation) return false;
  if (ready.status === 'True') return true;
  if (ready.status === 'Unknown' || ready.reason === 'Starting') return false;
  throw new CommandError(
    `Function "${fn.metadata.name}" does not work (${ready.reason}): ${ready.message}`,
  );
}
