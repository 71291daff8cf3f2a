import { isRecord, member } from '../api-object.ts';
import { decodeBody, isEmptyBody } from '../codec/decode-body.ts';
import type { Call } from '../engine.ts';
import { badRequest, invalidOptions } from '../refusals.ts';
import { isTrue } from './list-options.ts';
import { parseDryRun } from './write-options.ts';

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  readonly dryRun: boolean;
  /** undefined: what the object itself and its kind say. */
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: Propagation | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

export const plainDelete: DeleteOptions = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagation: undefined,
  uid: undefined,
  resourceVersion: undefined,
};

/** DeleteOptions from the body, or from the query when there is no body. Throws StatusError. */
export function readDeleteOptions(call: Call): DeleteOptions {
  const { request, engine } = call;
  if (isEmptyBody(request)) return optionsOf(queryOptions(request.query));
  const { value } = decodeBody(request, { protobuf: true, maxDepth: engine.limits.jsonDepth });
  const kind = member(value, 'kind') ?? '';
  if (!isRecord(value) || (kind !== '' && kind !== 'DeleteOptions')) {
    throw badRequest('Cannot decode the body of the deletion: it is not a DeleteOptions');
  }
  return optionsOf({ ...value, dryRun: value['dryRun'] ?? request.query.getAll('dryRun') });
}

function queryOptions(query: URLSearchParams): Readonly<Record<string, unknown>> {
  const grace = query.get('gracePeriodSeconds');
  const orphan = query.get('orphanDependents');
  return {
    gracePeriodSeconds: grace === null || grace === '' ? undefined : Number(grace),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: orphan === null ? undefined : isTrue(orphan),
    dryRun: query.getAll('dryRun'),
  };
}

/** Takes DeleteOptions (meta/v1) as they came. Throws StatusError 400, 422. */
export function optionsOf(value: Readonly<Record<string, unknown>>): DeleteOptions {
  const { gracePeriodSeconds, dryRun, preconditions } = value;
  if (gracePeriodSeconds !== undefined && gracePeriodSeconds !== null) {
    if (typeof gracePeriodSeconds !== 'number' || !Number.isInteger(gracePeriodSeconds)) {
      throw badRequest('Cannot delete: gracePeriodSeconds is not an integer');
    }
  }
  return {
    dryRun: parseDryRun(Array.isArray(dryRun) ? dryRun : [], 'DeleteOptions'),
    gracePeriodSeconds: typeof gracePeriodSeconds === 'number' ? gracePeriodSeconds : undefined,
    propagation: propagationOf(value),
    uid: textOf(member(preconditions, 'uid')),
    resourceVersion: textOf(member(preconditions, 'resourceVersion')),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function propagationOf(value: Readonly<Record<string, unknown>>): Propagation | undefined {
  const policy: unknown = value['propagationPolicy'] ?? undefined;
  const orphan: unknown = value['orphanDependents'] ?? undefined;
  const field = 'propagationPolicy';
  if (policy !== undefined && orphan !== undefined) {
    throw invalidOptions('DeleteOptions', {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
      field,
    });
  }
  if (orphan !== undefined) return orphan === true ? 'Orphan' : 'Background';
  switch (policy) {
    case undefined:
    case '':
      return undefined;
    case 'Background':
    case 'Foreground':
    case 'Orphan':
      return policy;
    default:
      throw invalidOptions('DeleteOptions', {
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
        field,
      });
  }
}
