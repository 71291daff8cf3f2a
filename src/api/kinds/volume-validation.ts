import type { StatusCause } from '../object.ts';
import { fieldError } from '../schema/field-error.ts';
import { dns1123LabelErrors } from '../validation-names.ts';

type Members = Readonly<Record<string, unknown>>;
type Volume = Members & { readonly name: string };

const maxMode = 0o777;

export function validateVolumes(volumes: readonly Volume[], path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const at = `${path}[${i}]`;
    const messages = dns1123LabelErrors(volume.name);
    for (const message of messages) {
      causes.push(fieldError.invalid(`${at}.name`, volume.name, message));
    }
    if (names.has(volume.name)) causes.push(fieldError.duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    causes.push(...validateSource(volume, at));
  }
  return causes;
}

function validateSource(volume: Volume, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const sources = Object.keys(volume)
    .filter((key) => key !== 'name')
    .toSorted();
  for (const extra of sources.slice(1)) {
    causes.push(
      fieldError.forbidden(`${path}.${extra}`, 'may not specify more than 1 volume type'),
    );
  }
  const source = sources[0];
  if (source === undefined) {
    return [fieldError.required(path, 'must specify a volume type')];
  }
  const value = (volume[source] ?? {}) as Members;
  const at = `${path}.${source}`;
  const named = { configMap: 'name', secret: 'secretName', persistentVolumeClaim: 'claimName' };
  if (Object.hasOwn(named, source)) {
    const member = named[source as keyof typeof named];
    if ((value[member] ?? '') === '') causes.push(fieldError.required(`${at}.${member}`));
  }
  const hostPath = source === 'hostPath' ? value['path'] : undefined;
  if (typeof hostPath === 'string' && hostPath.split('/').includes('..')) {
    causes.push(fieldError.invalid(`${at}.path`, hostPath, "must not contain '..'"));
  }
  causes.push(...validateMode(value['defaultMode'], `${at}.defaultMode`));
  if (source === 'projected') {
    for (const [i, one] of ((value['sources'] ?? []) as readonly Members[]).entries()) {
      for (const [name, inner] of Object.entries(one)) {
        causes.push(...validateItems(inner as Members, `${at}.sources[${i}].${name}`));
      }
    }
  } else causes.push(...validateItems(value, at));
  return causes;
}

/** The `items` of a configMap, secret or downwardAPI volume: relative paths that stay inside. */
function validateItems(source: Members, path: string): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  const items = (source['items'] ?? []) as readonly { path?: string; mode?: number }[];
  if (!Array.isArray(items)) return [];
  for (const [i, item] of items.entries()) {
    const at = `${path}.items[${i}]`;
    const target = item.path ?? '';
    if (target.startsWith('/')) {
      causes.push(fieldError.invalid(`${at}.path`, target, 'must be a relative path'));
    } else if (target.split('/').includes('..')) {
      causes.push(fieldError.invalid(`${at}.path`, target, "must not contain '..'"));
    } else if (target.startsWith('..')) {
      causes.push(fieldError.invalid(`${at}.path`, target, "must not start with '..'"));
    }
    causes.push(...validateMode(item.mode, `${at}.mode`));
  }
  return causes;
}

function validateMode(mode: unknown, path: string): readonly StatusCause[] {
  if (typeof mode !== 'number' || (mode >= 0 && mode <= maxMode)) return [];
  const detail = 'must be a number between 0 and 0777 (octal), both inclusive';
  return [fieldError.invalid(path, mode, detail)];
}
