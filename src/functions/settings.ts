import { type FunctionSpec, parseGoDuration } from '../api/index.ts';

/** What a Function's spec says about its scaling and times, with the defaults filled in. */
export interface Settings {
  readonly timeoutMs: number;
  readonly min: number;
  readonly max: number;
  /** Requests that one pod is meant to have at a time. */
  readonly perPod: number;
  readonly idleMs: number;
  /** The number of pods while awake, set through the scale subresource. */
  readonly pinned: number | undefined;
  readonly historyLimit: number;
}

const defaults = {
  timeoutMs: 30_000,
  min: 0,
  max: 20,
  concurrency: 20,
  idleMs: 60_000,
  historyLimit: 5,
};

/** Resolves the spec; a value that makes no sense counts as left out, since the API refuses it anyway. */
export function settingsOf(spec: FunctionSpec): Settings {
  const scaling = spec.scaling ?? {};
  const min = scaling.min ?? defaults.min;
  const concurrency = Math.max(1, scaling.concurrency ?? defaults.concurrency);
  const hard = scaling.hardConcurrency ?? 0;
  return {
    timeoutMs: durationMs(spec.timeout, defaults.timeoutMs),
    min,
    max: Math.max(1, min, scaling.max ?? defaults.max),
    perPod: hard > 0 ? Math.min(hard, concurrency) : concurrency,
    idleMs: durationMs(scaling.idle, defaults.idleMs),
    pinned: spec.replicas,
    historyLimit: spec.revisionHistoryLimit ?? defaults.historyLimit,
  };
}

function durationMs(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  try {
    return parseGoDuration(text);
  } catch {
    return fallback;
  }
}
