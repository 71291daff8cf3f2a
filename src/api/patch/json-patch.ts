import { StatusError } from '../status-error.ts';
import { goKind, isJsonObject } from './merge-patch.ts';

/** As many operations as upstream takes in one patch. */
const operationsLimit = 10_000;
/** How much text all copied values may have together, in characters; upstream: 3 MiB. */
const copyLimit = 3 * 1024 * 1024;
/** How deep a path, a copied value and the result may be. */
const depthLimit = 1000;

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Path; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: Path }
  | { readonly op: 'move' | 'copy'; readonly path: Path; readonly from: Path };

/** The unescaped parts of a JSON pointer; none for the whole document. */
type Path = readonly string[];

/**
 * Applies a JSON patch (RFC 6902) and returns the result; changes neither argument.
 *
 * A malformed patch is a StatusError 400, one of more than 10,000 operations 413; an operation that
 * fails (a `test`, a path that is not there, copies without end) is 422 in upstream's words, with
 * what failed as its cause.
 */
export function jsonPatch(original: unknown, operations: unknown): unknown {
  const parsed = parseOperations(operations);
  const patching = new Patching(clone(original));
  for (const [index, operation] of parsed.entries()) {
    const failure = patching.apply(operation);
    if (failure !== undefined) throw rejected(`operations[${index}]: ${failure}`);
  }
  if (!isShallow(patching.document, depthLimit)) throw rejected('the result is nested too deeply');
  return patching.document;
}

function parseOperations(operations: unknown): readonly Operation[] {
  if (!Array.isArray(operations)) {
    const kind = goKind(operations);
    throw malformed(`json: cannot unmarshal ${kind} into Go value of type []handlers.jsonPatchOp`);
  }
  if (operations.length > operationsLimit) {
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${operationsLimit}, got ${operations.length}`,
    );
  }
  return operations.map(parseOperation);
}

function parseOperation(operation: unknown, index: number): Operation {
  if (!isJsonObject(operation)) throw malformed(`operations[${index}] is no object`);
  const { op } = operation;
  const path = parsePointer(operation, 'path', index);
  switch (op) {
    case 'remove':
      return { op, path };
    case 'move':
    case 'copy':
      return { op, path, from: parsePointer(operation, 'from', index) };
    case 'add':
    case 'replace':
    case 'test':
      if (!Object.hasOwn(operation, 'value')) {
        throw malformed(`operations[${index}] has no "value"`);
      }
      return { op, path, value: operation['value'] };
    default:
      throw malformed(`operations[${index}] has an unknown "op"`);
  }
}

/** Parses a JSON pointer (RFC 6901). */
function parsePointer(
  operation: Readonly<Record<string, unknown>>,
  member: 'path' | 'from',
  index: number,
): Path {
  const pointer = operation[member];
  if (typeof pointer !== 'string') throw malformed(`operations[${index}] has no "${member}"`);
  if (pointer === '') return [];
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) {
    throw malformed(`operations[${index}] has no JSON pointer in "${member}"`);
  }
  const path = pointer.slice(1).split('/');
  if (path.length > depthLimit) throw malformed(`operations[${index}]: "${member}" is too long`);
  return path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Why an operation failed; undefined for one that did not. */
type Failure = string | undefined;

type Found = { readonly value: unknown } | undefined;

/** A document that belongs to one patch alone and is changed in place by its operations. */
class Patching {
  document: unknown;
  #copied = 0;

  constructor(document: unknown) {
    this.document = document;
  }

  apply(operation: Operation): Failure {
    const { path } = operation;
    switch (operation.op) {
      case 'add':
        return this.#add(path, clone(operation.value));
      case 'remove':
        return this.#remove(path);
      case 'replace':
        return this.#replace(path, clone(operation.value));
      case 'test': {
        const found = this.#get(path);
        if (found === undefined) return missing(path);
        return equals(found.value, operation.value) ? undefined : `test failed at ${text(path)}`;
      }
      case 'move':
        return this.#move(operation.from, path);
      case 'copy':
        break;
    }
    return this.#copy(operation.from, path);
  }

  #get(path: Path): Found {
    let value = this.document;
    for (const part of path) {
      const found = memberOf(value, part);
      if (found === undefined) return undefined;
      ({ value } = found);
    }
    return { value };
  }

  #add(path: Path, value: unknown): Failure {
    const last = path.at(-1);
    if (last === undefined) {
      this.document = value;
      return undefined;
    }
    const parent = this.#get(path.slice(0, -1))?.value;
    if (Array.isArray(parent)) {
      const index = last === '-' ? parent.length : arrayIndex(last);
      if (index === undefined || index > parent.length) return missing(path);
      parent.splice(index, 0, value);
      return undefined;
    }
    if (!isJsonObject(parent)) return missing(path);
    setMember(parent, last, value);
    return undefined;
  }

  #remove(path: Path): Failure {
    const last = path.at(-1);
    if (last === undefined) return 'the whole document cannot be removed';
    const parent = this.#get(path.slice(0, -1))?.value;
    if (memberOf(parent, last) === undefined) return missing(path);
    if (Array.isArray(parent)) parent.splice(Number(last), 1);
    else Reflect.deleteProperty(parent as object, last);
    return undefined;
  }

  #replace(path: Path, value: unknown): Failure {
    const last = path.at(-1);
    if (last === undefined) {
      this.document = value;
      return undefined;
    }
    const parent = this.#get(path.slice(0, -1))?.value;
    if (memberOf(parent, last) === undefined) return missing(path);
    setMember(parent as object, last, value);
    return undefined;
  }

  #move(from: Path, path: Path): Failure {
    const found = this.#get(from);
    if (found === undefined) return missing(from);
    const isPrefix = from.every((part, index) => path[index] === part);
    if (isPrefix) {
      if (from.length === path.length) return undefined;
      return `${text(from)} cannot be moved into itself`;
    }
    return this.#remove(from) ?? this.#add(path, found.value);
  }

  #copy(from: Path, path: Path): Failure {
    const found = this.#get(from);
    if (found === undefined) return missing(from);
    if (!isShallow(found.value, depthLimit))
      return `${text(from)} is nested too deeply to be copied`;
    this.#copied += JSON.stringify(found.value).length;
    if (this.#copied > copyLimit) return 'too much is copied';
    return this.#add(path, clone(found.value));
  }
}

function memberOf(value: unknown, part: string): Found {
  if (Array.isArray(value)) {
    const index = arrayIndex(part);
    return index !== undefined && index < value.length ? { value: value[index] } : undefined;
  }
  return isJsonObject(value) && Object.hasOwn(value, part) ? { value: value[part] } : undefined;
}

/** Sets a member as data, whatever its name: `__proto__` too is nothing but a name. */
function setMember(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function arrayIndex(part: string): number | undefined {
  return /^(?:0|[1-9]\d{0,9})$/.test(part) ? Number(part) : undefined;
}

/** A copy that shares no object or list with the value. */
function clone(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clone);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, clone(member)]));
}

/** True when objects and lists of the value nest at most `depth` deep. */
function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isShallow(member, depth - 1));
}

function equals(left: unknown, right: unknown): boolean {
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, index) => equals(item, right[index]))
    );
  }
  if (!isJsonObject(left)) return left === right;
  if (!isJsonObject(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && equals(left[key], right[key]))
  );
}

function text(path: Path): string {
  const escaped = path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'));
  return JSON.stringify(escaped.map((part) => `/${part}`).join(''));
}

function missing(path: Path): string {
  return `there is nothing at ${text(path)}`;
}

function malformed(detail: string): StatusError {
  return new StatusError(400, 'BadRequest', `error decoding patch: ${detail}`);
}

function rejected(detail: string): StatusError {
  return new StatusError(
    422,
    'Invalid',
    'the server rejected our request due to an error in our request',
    { details: { causes: [{ reason: 'UnexpectedServerResponse', message: detail }] } },
  );
}
