import type { StatusCause, StatusError } from '../../api/index.ts';
import { invalidOptions } from '../refusals.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
}

/** Reads dryRun and fieldValidation of a write. Throws StatusError 422. */
export function parseWriteOptions(query: URLSearchParams, kind: string): WriteOptions {
  return {
    dryRun: parseDryRun(query.getAll('dryRun'), kind),
    fieldValidation: parseFieldValidation(query.get('fieldValidation') ?? '', kind),
  };
}

/** `All` is the only stage of a dry run that there is. */
export function parseDryRun(values: readonly unknown[], kind: string): boolean {
  const stages = values.filter((value) => value !== '');
  for (const stage of stages) {
    if (stage !== 'All') throw unsupported(kind, 'dryRun', stage, ['All']);
  }
  return stages.length > 0;
}

function parseFieldValidation(value: string, kind: string): FieldValidation {
  switch (value) {
    case '':
    case 'Warn':
      return 'Warn';
    case 'Ignore':
    case 'Strict':
      return value;
    default:
      throw unsupported(kind, 'fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn']);
  }
}

function unsupported(
  kind: string,
  field: string,
  value: unknown,
  supported: readonly string[],
): StatusError {
  const list = supported.map((one) => `"${one}"`).join(', ');
  const cause: StatusCause = {
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`,
    field,
  };
  return invalidOptions(kind, cause);
}
