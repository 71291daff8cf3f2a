import { UsageError, type CommandIo } from '../command.ts';
import type { Target } from '../resources/arguments.ts';
import { chooseObjects, namespaceFor } from '../resources/choose-objects.ts';
import type { Kind } from '../resources/kinds.ts';
import type { Session } from '../session.ts';

/** What to get: one object by name, or a kind's objects that pass the selectors. */
export interface GetRequest {
  readonly kind: Kind;
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly selector: string | undefined;
  readonly fields: string | undefined;
}

interface Wanted {
  readonly targets: readonly Target[];
  readonly filename?: readonly string[] | undefined;
  readonly recursive?: boolean | undefined;
  readonly selector?: string | undefined;
  readonly 'field-selector'?: string | undefined;
  readonly 'all-namespaces'?: boolean | undefined;
}

/** What a command line asks for, in its order. */
export async function readRequests(
  session: Session,
  io: CommandIo,
  wanted: Wanted,
): Promise<readonly GetRequest[]> {
  const { targets, filename = [], recursive, selector, 'field-selector': fields } = wanted;
  if (filename.length > 0) {
    const files = { words: [], filename, recursive };
    const chosen = await chooseObjects(session, files, io, { absent: 'trust' });
    return chosen.map(({ kind, name, namespace }) => ({
      kind,
      name,
      namespace,
      selector: undefined,
      fields: undefined,
    }));
  }
  const everywhere = wanted['all-namespaces'] === true;
  return targets.map(({ kind, name }) => {
    if (name !== undefined && everywhere && kind.namespaced) {
      throw new UsageError('Cannot get an object by name across all namespaces: name one with -n');
    }
    if (name !== undefined && (selector !== undefined || fields !== undefined)) {
      throw new UsageError('Cannot take both names and a selector: give one of them');
    }
    const namespace = everywhere ? undefined : namespaceFor(session, kind);
    return { kind, name, namespace, selector, fields };
  });
}
