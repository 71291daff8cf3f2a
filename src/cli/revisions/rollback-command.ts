import { isDeepStrictEqual } from 'node:util';
import {
  type FunctionObject,
  isStatus,
  type RevisionSpec,
  revisionFields,
  revisionPart,
} from '../../api/index.ts';
import { refs } from '../../client/index.ts';
import { clusterFlagOptions, clusterFlagsHelp } from '../cluster.ts';
import { type Command, CommandError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import { openSession, type Session } from '../session.ts';
import {
  functionName,
  readRevisions,
  readRevisionSpec,
  type Revision,
} from './function-revisions.ts';

const help = `Go back to an earlier revision of a function.

Usage:
  nought rollback NAME [flags]

Flags:
      --to-revision R   the revision to go back to (default the one before; "nought revisions NAME"
                        lists them)
${clusterFlagsHelp}
  -h, --help            this text

What made the revision (code, handler, environment, resources) becomes the function's spec again;
scaling, timeout and traffic stay as they are. Calls go to the revision when a pod of it is ready, and
none fails meanwhile. A second rollback goes forward again.

Exit codes: 0 done or nothing to do, 1 refused or failed, 2 wrong usage (nothing was sent).

Examples:
  nought rollback diff
  nought rollback diff --to-revision 7kf2mzq4dx -n team
`;

export const rollbackCommand: Command = {
  name: 'rollback',
  summary: 'Go back to an earlier revision of a function',
  help,
  run: async (args, io) => {
    const { values, positionals } = parseFlags(args, {
      ...clusterFlagOptions,
      'to-revision': { type: 'string' },
    });
    const name = functionName(positionals);
    using session = await openSession(values, io);
    const { namespace } = session;
    const fn = await session.client.resource(refs.functions).get({ namespace, name });
    const choice = await choose(session, fn, values['to-revision']);
    if (choice.kind === 'same') {
      io.stdout.write(
        `function.nought.dev/${name} skipped rollback (its spec asks for revision ${choice.name} already)\n`,
      );
      return 0;
    }
    await restore(session, fn, choice.spec);
    io.stdout.write(`function.nought.dev/${name} rolled back to revision ${choice.name}\n`);
    const elsewhere = shareElsewhere(fn);
    if (elsewhere > 0) {
      io.stderr.write(
        `Warning: spec.traffic sends ${elsewhere} % of the calls to revisions by their names; they go there as before\n`,
      );
    }
    return 0;
  },
};

type Choice =
  | { readonly kind: 'back'; readonly name: string; readonly spec: RevisionSpec }
  | { readonly kind: 'same'; readonly name: string };

async function choose(
  session: Session,
  fn: FunctionObject,
  wanted: string | undefined,
): Promise<Choice> {
  const revisions = await readRevisions(session, fn);
  const now = revisionPart(fn.spec);
  const { name } = fn.metadata;
  if (wanted === undefined) {
    // What was given up, or never came to work, is nothing to go back to.
    for (const revision of revisions.filter(hasWorked)) {
      const spec = await readRevisionSpec(session, fn, revision);
      if (spec !== undefined && !isDeepStrictEqual(spec, now)) {
        return { kind: 'back', name: revision.name, spec };
      }
    }
    throw new CommandError(
      `error: Cannot roll back Function "${name}": it has no earlier revision that worked${listText(revisions)}`,
    );
  }
  const revision = revisions.find((each) => each.name === wanted);
  if (revision === undefined) {
    throw new CommandError(
      `error: Cannot roll back Function "${name}": it has no revision "${wanted}"${listText(revisions)}`,
    );
  }
  const spec = await readRevisionSpec(session, fn, revision);
  if (spec === undefined) {
    throw new CommandError(
      `error: Cannot roll back Function "${name}" to revision "${wanted}": what made it was not kept; ` +
        'send calls to it with spec.traffic, or apply its manifest again',
    );
  }
  return isDeepStrictEqual(spec, now)
    ? { kind: 'same', name: wanted }
    : { kind: 'back', name: wanted, spec };
}

function hasWorked({ proven, failure }: Revision): boolean {
  return proven && failure === undefined;
}

function listText(revisions: readonly Revision[]): string {
  const list = revisions.map(({ name, proven, failure }) => {
    if (failure !== undefined) return `${name} (given up: ${failure})`;
    return proven ? name : `${name} (has not worked yet)`;
  });
  return list.length === 0 ? '; it has none at all' : `; it has ${list.join(', ')}`;
}

/** Makes the fields that make a revision what they were, if nobody has changed the spec meanwhile. */
async function restore(session: Session, fn: FunctionObject, spec: RevisionSpec): Promise<void> {
  const { metadata } = fn;
  const steps = revisionFields.flatMap((field) => {
    const path = `/spec/${field}`;
    const value = spec[field];
    if (value !== undefined) return [{ op: 'add', path, value }];
    return fn.spec[field] === undefined ? [] : [{ op: 'remove', path }];
  });
  const patch = [
    { op: 'test', path: '/metadata/uid', value: metadata.uid },
    { op: 'test', path: '/metadata/generation', value: metadata.generation },
    ...steps,
  ];
  const functions = session.client.resource(refs.functions);
  try {
    await functions.patch(metadata, patch, { type: 'json' });
  } catch (error) {
    const now = isStatus(error, 'Invalid', 'Conflict') ? await functions.find(metadata) : fn;
    if (now?.metadata.generation === metadata.generation) throw error;
    throw new CommandError(
      `error: Cannot roll back Function "${metadata.name}": it was changed meanwhile; try again`,
      { cause: error },
    );
  }
}

/** Percent of the calls that the rollback does not move. */
function shareElsewhere({ spec }: FunctionObject): number {
  return (spec.traffic ?? []).reduce(
    (sum, { latest, weight = 0 }) => (latest === true ? sum : sum + weight),
    0,
  );
}
