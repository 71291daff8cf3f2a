import type { ConfigMap, Secret } from '../api/index.ts';
import { type Client, refs } from '../client/index.ts';
import type { Clock } from '../lib/clock.ts';
import { ConfigWatches } from './config-watches.ts';

/** What is in a ConfigMap or Secret. */
export type ConfigData = ReadonlyMap<string, Buffer>;

/** A ConfigMap or Secret. */
export interface ConfigObject {
  /** Bytes by key. */
  readonly data: ConfigData;
  /** Whether it stays as it is for good. */
  readonly immutable: boolean;
}

export interface ConfigRef {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly namespace: string;
  readonly name: string;
}

/** Something that a pod refers to is not there (yet); `missing` is what to wait for. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly missing: ConfigRef | undefined;

  constructor(message: string, missing?: ConfigRef) {
    super(message);
    this.missing = missing;
  }
}

/** Where pods' ConfigMaps and Secrets come from. */
export interface Configuration {
  /** Undefined when there is none of that name. */
  read(ref: ConfigRef): Promise<ConfigObject | undefined>;
  /** Resolves when the object changes or appears, at once if it differs from nothing. */
  changed(ref: ConfigRef, signal: AbortSignal): Promise<void>;
  /**
   * Calls `seen` for the object as it is and with each change, until the signal aborts. One watch
   * serves all that follow the same object.
   */
  follow(ref: ConfigRef, seen: () => void, signal: AbortSignal): void;
}

/** Reads from the API server each time, so that a small agent keeps no copy of all of them. */
export function clientConfiguration(client: Client, clock: Clock): Configuration {
  const configMaps = client.resource(refs.configmaps);
  const secrets = client.resource(refs.secrets);
  const watches = new ConfigWatches(client, clock);
  return {
    follow: (ref, seen, signal) => watches.follow(ref, seen, signal),
    async read({ kind, namespace, name }) {
      if (kind === 'Secret') return secretData(await secrets.find({ namespace, name }));
      return configMapData(await configMaps.find({ namespace, name }));
    },
    async changed({ kind, namespace, name }, signal) {
      const resource = kind === 'Secret' ? secrets : configMaps;
      const stop = new AbortController();
      const abort = (): void => stop.abort(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      try {
        const options = { namespace, fieldSelector: `metadata.name=${name}` };
        // Without a resourceVersion the watch begins with what is there.
        for await (const event of resource.watch(options, stop.signal)) {
          if (event.type === 'ADDED' || event.type === 'MODIFIED') return;
        }
      } finally {
        signal.removeEventListener('abort', abort);
        stop.abort(new Error('Found'));
      }
    },
  };
}

/** One key; undefined when it is missing and that is allowed. Throws ConfigError in the kubelet's words. */
export async function readKey(
  configuration: Configuration,
  ref: ConfigRef,
  key: string,
  optional: boolean,
): Promise<string | undefined> {
  const data = await readAll(configuration, ref, optional);
  const value = data?.get(key)?.toString('utf8');
  if (value === undefined && !optional) {
    const what = `${ref.namespace}/${ref.name}`;
    throw new ConfigError(`couldn't find key ${key} in ${ref.kind} ${what}`, ref);
  }
  return value;
}

/** All keys; undefined when the object is missing and that is allowed. */
export async function readAll(
  configuration: Configuration,
  ref: ConfigRef,
  optional: boolean,
): Promise<ConfigData | undefined> {
  const found = await configuration.read(ref);
  if (found !== undefined || optional) return found?.data;
  throw new ConfigError(`${ref.kind.toLowerCase()} "${ref.name}" not found`, ref);
}

function configMapData(object: ConfigMap | undefined): ConfigObject | undefined {
  if (object === undefined) return undefined;
  const data = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object.binaryData ?? {})) {
    data.set(key, Buffer.from(value, 'base64'));
  }
  return { data, immutable: object.immutable === true };
}

function secretData(object: Secret | undefined): ConfigObject | undefined {
  if (object === undefined) return undefined;
  const entries = Object.entries(object.data ?? {});
  const data = new Map(entries.map(([key, value]) => [key, Buffer.from(value, 'base64')]));
  return { data, immutable: object.immutable === true };
}

/** Begins to read these at once; each answer is given out once, then `configuration` is asked again. */
export function readAhead(
  configuration: Configuration,
  sources: readonly ConfigRef[],
): Configuration {
  const begun = new Map(
    sources.map((ref) => {
      const reading = configuration.read(ref);
      // Whoever asks for it hears of the failure.
      reading.catch(() => undefined);
      return [keyOf(ref), reading];
    }),
  );
  return {
    ...configuration,
    read(ref) {
      const key = keyOf(ref);
      const reading = begun.get(key) ?? configuration.read(ref);
      begun.delete(key);
      return reading;
    },
  };
}

function keyOf({ kind, namespace, name }: ConfigRef): string {
  return `${kind}/${namespace}/${name}`;
}
