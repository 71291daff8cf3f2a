import type { FunctionSpec, Runtime, Signature } from '../api/index.ts';

export interface CodeFile {
  /** Relative to the root of the code. */
  readonly path: string;
  readonly text: string;
}

/** What a Function runs. `handler` is `file` or `file:export`. */
export type FunctionCode =
  | {
      readonly kind: 'files';
      readonly files: readonly CodeFile[];
      readonly handler: string;
      readonly signature: Signature;
    }
  | {
      readonly kind: 'package';
      readonly name: string;
      /** The ConfigMaps `pkg-NAME-0`, `pkg-NAME-1`, … that hold it. */
      readonly chunks: number;
      readonly handler: string;
      readonly signature: Signature;
    }
  | { readonly kind: 'image'; readonly image: string }
  | {
      readonly kind: 'invalid';
      readonly reason: 'InvalidSource' | 'InvalidSpec';
      readonly message: string;
    };

/** The first is the default; the others are taken when `files` has them and not the default. */
const handlerFiles = {
  node: ['index.js', 'index.mjs', 'index.ts', 'index.cjs'],
  python: ['main.py', 'handler.py'],
} as const;
const signatures: Readonly<Record<'node' | 'python', readonly Signature[]>> = {
  node: ['json', 'fetch', 'http'],
  python: ['json', 'asgi', 'http'],
};
/** etcd's and so Kubernetes' limit for the data of one ConfigMap. */
const codeLimitBytes = 1 << 20;

/**
 * Reads the code of a Function out of its spec.
 *
 * What the schema of the API cannot say is checked here: paths, the handler among the files, sizes,
 * and which source, runtime and signature go together.
 */
export function functionCode(spec: FunctionSpec): FunctionCode {
  const { runtime, source } = spec;
  const given = Object.entries(source).filter(([, value]) => value !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none is' : `${given.map(([key]) => key).join(' and ')} are`;
    return invalid(
      `spec.source takes exactly one of inline, files, package and image: ${found} set`,
    );
  }
  if (runtime === 'image' || source.image !== undefined) return imageCode(spec);
  const signature = spec.signature ?? 'json';
  if (!signatures[runtime].includes(signature)) {
    const known = signatures[runtime].join(', ');
    return {
      kind: 'invalid',
      reason: 'InvalidSpec',
      message: `Cannot use signature "${signature}" with runtime "${runtime}": it has ${known}`,
    };
  }
  if (source.inline !== undefined) {
    const handler = spec.handler ?? handlerFiles[runtime][0];
    const files = [{ path: handlerFile(handler), text: source.inline }];
    return checkFiles({ kind: 'files', files, handler, signature });
  }
  const paths = Object.keys(source.files ?? {});
  const handler = spec.handler ?? defaultHandler(runtime, paths);
  if (source.package !== undefined) {
    return packageCode(source.package.name, { handler, signature });
  }
  const files = Object.entries(source.files ?? {}).map(([path, text]) => ({ path, text }));
  return checkFiles({ kind: 'files', files, handler, signature });
}

/** The file of a handler `file` or `file:export`. */
function handlerFile(handler: string): string {
  const colon = handler.lastIndexOf(':');
  return colon === -1 ? handler : handler.slice(0, colon);
}

function defaultHandler(runtime: Exclude<Runtime, 'image'>, paths: readonly string[]): string {
  const names: readonly string[] = handlerFiles[runtime];
  return names.find((name) => paths.includes(name)) ?? handlerFiles[runtime][0];
}

function imageCode({ runtime, source }: FunctionSpec): FunctionCode {
  if (source.image === undefined)
    return invalid('Cannot use runtime "image": it needs source.image');
  if (runtime !== 'image') {
    return invalid(
      `Cannot use source.image with runtime "${runtime}": set spec.runtime to "image"`,
    );
  }
  if (source.image.trim() === '') return invalid('Cannot use source.image: it is empty');
  return { kind: 'image', image: source.image };
}

/** 32 MiB in chunks of 900 KiB. */
const chunksLimit = 37;

/** A package's name ends with the number of its chunks: what is immutable needs no looking up. */
function packageCode(
  name: string,
  how: { readonly handler: string; readonly signature: Signature },
): FunctionCode {
  const chunks = Number(/-([1-9][0-9]?)$/.exec(name)?.[1] ?? 0);
  if (chunks < 1 || chunks > chunksLimit) {
    return invalid(
      `Cannot use the package "${name}": its name must end with the number of its chunks, 1 to ${chunksLimit}`,
    );
  }
  return { kind: 'package', name, chunks, ...how };
}

function checkFiles(code: FunctionCode & { kind: 'files' }): FunctionCode {
  const paths = new Set(code.files.map(({ path }) => path));
  for (const path of paths) {
    const problem = pathProblem(path, paths);
    if (problem !== undefined) return invalid(`Cannot use the source file "${path}": ${problem}`);
  }
  const handler = handlerFile(code.handler);
  if (!paths.has(handler)) {
    const have = paths.size === 0 ? 'there are none' : `these are ${[...paths].join(', ')}`;
    return invalid(
      `Cannot find the handler's file "${handler}" among the source files: ${have}; set spec.handler`,
    );
  }
  const bytes = code.files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes > codeLimitBytes) {
    return invalid(
      `Cannot hold the source in a ConfigMap: it has ${bytes} bytes, the limit is ${codeLimitBytes}; ` +
        'use "nought deploy", which packs it',
    );
  }
  return code;
}

function pathProblem(path: string, all: ReadonlySet<string>): string | undefined {
  const segments = path.split('/');
  if (path.startsWith('/')) return 'its path must be relative';
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    return 'its path has an empty, "." or ".." part';
  }
  // A path that starts with two dots is refused in a volume's items; the runtimes' own names are not the user's.
  if (path.startsWith('..') || segments[0] === '.nought-package') return 'its path is reserved';
  if (/[\\:\p{Cc}]/u.test(path)) {
    return 'its path has a colon, a backslash or a control character';
  }
  if (segments.some((segment) => Buffer.byteLength(segment) > 255)) return 'a part is too long';
  for (let end = segments.length - 1; end > 0; end -= 1) {
    const parent = segments.slice(0, end).join('/');
    if (all.has(parent)) return `"${parent}" is a file too`;
  }
  return undefined;
}

function invalid(message: string): FunctionCode {
  return { kind: 'invalid', reason: 'InvalidSource', message };
}
