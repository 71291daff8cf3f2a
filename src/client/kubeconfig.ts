import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join, resolve as resolvePath } from 'node:path';
import type { ClusterAccess } from './http-transport.ts';

export interface KubeconfigOptions {
  /** One file; when left out, $KUBECONFIG, $NOUGHT_HOME/kubeconfig and ~/.kube/config are tried. */
  readonly path?: string;
  /** The context to use in place of `current-context`. */
  readonly context?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly home: string;
}

/** The cluster, user and namespace that a kubeconfig's context names. */
export interface Kubeconfig {
  readonly access: ClusterAccess;
  readonly namespace: string;
  readonly context: string;
  /** The file that the context stands in. */
  readonly path: string;
}

/**
 * Reads the kubeconfig and resolves one context of it, files that it names included.
 *
 * Several files in $KUBECONFIG are merged as kubectl does: the first to define a name wins. What
 * would change who the user is and cannot be honoured (exec and auth-provider plugins, basic
 * authentication, impersonation, proxies) is refused. Errors name the file and the field.
 */
export async function loadKubeconfig(options: KubeconfigOptions): Promise<Kubeconfig> {
  const files = await readFiles(options);
  const context = findContext(files, options.context);
  const cluster = findEntry(files, 'clusters', context.cluster, context.path);
  const user =
    context.user === undefined ? undefined : findEntry(files, 'users', context.user, context.path);
  return {
    access: { ...(await clusterAccess(cluster)), ...(await userAccess(user)) },
    namespace: context.namespace ?? 'default',
    context: context.name,
    path: context.path,
  };
}

interface File {
  readonly path: string;
  readonly value: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

async function readFiles(options: KubeconfigOptions): Promise<readonly File[]> {
  const { path, env, home } = options;
  if (path !== undefined) return [await readOne(path)];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((entry) => entry !== '');
  const noughtHome = env['NOUGHT_HOME'] ?? join(home, '.nought');
  const candidates =
    listed.length > 0 ? listed : [join(noughtHome, 'kubeconfig'), join(home, '.kube', 'config')];
  const files: File[] = [];
  for (const candidate of candidates) {
    try {
      files.push(await readOne(candidate));
    } catch (error) {
      const missing = ((error as Error).cause as NodeJS.ErrnoException)?.code === 'ENOENT';
      if (!missing) throw error;
    }
    if (listed.length === 0 && files.length > 0) break;
  }
  if (files.length === 0) {
    const tried = candidates.map((candidate) => `"${candidate}"`).join(', ');
    throw new Error(
      `Cannot find a kubeconfig: tried ${tried}; start "nought up", or set KUBECONFIG`,
    );
  }
  return files;
}

async function readOne(path: string): Promise<File> {
  const absolute = resolvePath(path);
  let content: string;
  try {
    content = await readFile(absolute, 'utf8');
  } catch (cause) {
    throw new Error(`Cannot read kubeconfig "${absolute}": ${(cause as Error).message}`, { cause });
  }
  let value: unknown;
  try {
    value = parseJson(content) ?? (await parseYaml(content));
  } catch (cause) {
    throw new Error(`Cannot read kubeconfig "${absolute}": ${(cause as Error).message}`, { cause });
  }
  if (value !== null && !isFields(value)) throw bad(absolute, 'the document', 'is not a mapping');
  return { path: absolute, value: value ?? {} };
}

/** What `nought up` writes is JSON; undefined for YAML that only begins like it. */
function parseJson(content: string): unknown {
  if (!content.startsWith('{')) return undefined;
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

async function parseYaml(content: string): Promise<unknown> {
  // Loaded here alone: the library costs more to load than most commands take.
  const { parse } = await import('yaml');
  return parse(content);
}

interface Context {
  readonly name: string;
  readonly path: string;
  readonly cluster: string;
  readonly user: string | undefined;
  readonly namespace: string | undefined;
}

function findContext(files: readonly File[], wanted: string | undefined): Context {
  const first = (files[0] as File).path;
  let name = wanted;
  for (const file of files) {
    const current = text(file, file.value, 'current-context', 'current-context');
    name ??= current === '' ? undefined : current;
  }
  if (name === undefined) throw bad(first, 'current-context', 'is not set');
  const entry = findEntry(files, 'contexts', name, first);
  const cluster = entry.text('cluster');
  if (cluster === undefined) throw entry.bad('cluster', 'is not set');
  const user = entry.text('user');
  return {
    name,
    path: entry.file.path,
    cluster,
    user: user === '' ? undefined : user,
    namespace: entry.text('namespace') || undefined,
  };
}

/** One named cluster, user or context, with where it stands. */
class Entry {
  readonly file: File;
  readonly #label: string;
  readonly #fields: Fields;

  constructor(file: File, label: string, fields: Fields) {
    this.file = file;
    this.#label = label;
    this.#fields = fields;
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined && this.#fields[field] !== null;
  }

  text(field: string): string | undefined {
    return text(this.file, this.#fields, field, `${this.#label}.${field}`);
  }

  flag(field: string): boolean {
    const value = this.#fields[field] ?? false;
    if (typeof value !== 'boolean') throw this.bad(field, 'is not true or false');
    return value;
  }

  /** The path in `field`; a relative one starts at the kubeconfig's folder. */
  path(field: string): string | undefined {
    const value = this.text(field);
    return value === undefined || value === ''
      ? undefined
      : resolvePath(dirname(this.file.path), value);
  }

  /** The PEM text in `field-data` (base64) or in the file that `field` names. */
  async pem(field: string): Promise<string | undefined> {
    const data = this.text(`${field}-data`);
    if (data !== undefined && data !== '') {
      const pem = Buffer.from(data, 'base64').toString('utf8');
      if (!pem.includes('-----BEGIN ')) {
        throw this.bad(`${field}-data`, 'is not a PEM text in base64');
      }
      return pem;
    }
    const path = this.path(field);
    if (path === undefined) return undefined;
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      throw this.bad(field, `names a file that cannot be read: ${(cause as Error).message}`);
    }
  }

  bad(field: string, problem: string): Error {
    return bad(this.file.path, `${this.#label}.${field}`, problem);
  }
}

function findEntry(
  files: readonly File[],
  list: 'clusters' | 'users' | 'contexts',
  name: string,
  /** Where the name was taken from, for the error. */
  from: string,
): Entry {
  const member = list.slice(0, -1);
  for (const file of files) {
    const entries = file.value[list] ?? [];
    if (!Array.isArray(entries)) throw bad(file.path, list, 'is not a list');
    const found = entries.find((entry) => isFields(entry) && entry['name'] === name) as
      | Fields
      | undefined;
    if (found === undefined) continue;
    const label = `${list}["${name}"].${member}`;
    const fields = found[member] ?? {};
    if (!isFields(fields)) throw bad(file.path, label, 'is not a mapping');
    return new Entry(file, label, fields);
  }
  throw bad(from, list, `has no entry "${name}"`);
}

async function clusterAccess(cluster: Entry): Promise<ClusterAccess> {
  const server = cluster.text('server');
  if (server === undefined || !URL.canParse(server)) {
    throw cluster.bad('server', server === undefined ? 'is not set' : `is no URL: "${server}"`);
  }
  if (cluster.has('proxy-url')) throw cluster.bad('proxy-url', 'is not supported');
  const ca = await cluster.pem('certificate-authority');
  const serverName = cluster.text('tls-server-name');
  return {
    server,
    insecureSkipTlsVerify: cluster.flag('insecure-skip-tls-verify'),
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

const refusedUserFields: Readonly<Record<string, string>> = {
  exec: 'asks for a credential plugin, which is not supported: use a token or a client certificate',
  'auth-provider': 'is not supported: use a token or a client certificate',
  username: 'is not supported: use a token or a client certificate',
  password: 'is not supported: use a token or a client certificate',
  as: 'asks for impersonation, which is not supported',
  'as-uid': 'asks for impersonation, which is not supported',
  'as-groups': 'asks for impersonation, which is not supported',
  'as-user-extra': 'asks for impersonation, which is not supported',
};

async function userAccess(user: Entry | undefined): Promise<Partial<ClusterAccess>> {
  if (user === undefined) return {};
  for (const [field, problem] of Object.entries(refusedUserFields)) {
    if (user.has(field)) throw user.bad(field, problem);
  }
  const token = user.text('token');
  const tokenFile = user.path('tokenFile');
  const clientCert = await user.pem('client-certificate');
  const clientKey = await user.pem('client-key');
  if (clientCert !== undefined && clientKey === undefined) {
    throw user.bad('client-key', 'is not set, but client-certificate is');
  }
  if (clientKey !== undefined && clientCert === undefined) {
    throw user.bad('client-certificate', 'is not set, but client-key is');
  }
  return {
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(clientCert === undefined ? {} : { clientCert }),
    ...(clientKey === undefined ? {} : { clientKey }),
  };
}

function text(file: File, fields: Fields, field: string, label: string): string | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw bad(file.path, label, 'is not a text');
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(path: string, field: string, problem: string): Error {
  return new Error(`Cannot use kubeconfig "${path}": ${field} ${problem}`);
}
