import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container } from '../api/index.ts';
import type { Clock } from '../lib/clock.ts';

/** How a container is asked whether it serves. */
export type ProbeAction =
  | {
      readonly kind: 'http';
      readonly secure: boolean;
      readonly host: string | undefined;
      readonly port: number;
      readonly path: string;
      readonly headers: readonly (readonly [string, string])[];
    }
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unsupported' };

/** A core/v1 Probe with its defaults; times in milliseconds. */
export interface Probe {
  readonly action: ProbeAction;
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** Until its first success a container is asked more often than its period says, growing by half. */
const firstDelayMs = 5;
const delayGrowth = 1.5;
const userAgent = 'kube-probe/1.35';

/** The readiness probe of a container; undefined when it has none. */
export function readinessProbe(container: Container): Probe | undefined {
  const probe = container.readinessProbe;
  if (probe === undefined) return undefined;
  const number = (key: string, fallback: number): number =>
    typeof probe[key] === 'number' ? probe[key] : fallback;
  return {
    action: probeAction(probe, container),
    initialDelayMs: number('initialDelaySeconds', 0) * 1000,
    periodMs: Math.max(1, number('periodSeconds', 10)) * 1000,
    timeoutMs: Math.max(1, number('timeoutSeconds', 1)) * 1000,
    successThreshold: Math.max(1, number('successThreshold', 1)),
    failureThreshold: Math.max(1, number('failureThreshold', 3)),
  };
}

export interface ProbeLoop {
  readonly probe: Probe;
  readonly address: string;
  readonly clock: Clock;
  /** What was known of it before. */
  readonly ready: boolean;
  /** Whether what answers belongs to the pod. */
  readonly owns: (port: number) => Promise<boolean>;
  readonly report: (ready: boolean) => void;
}

/** Asks until the signal aborts and reports each change. */
export async function runProbe(loop: ProbeLoop, signal: AbortSignal): Promise<void> {
  const { probe, clock } = loop;
  let { ready } = loop;
  let same = 0;
  let delayMs = firstDelayMs;
  let answered = false;
  try {
    await clock.sleep(probe.initialDelayMs, signal);
    for (;;) {
      const good = await ask(loop, ready, signal);
      same = good === ready ? 0 : same + 1;
      if (same >= (ready ? probe.failureThreshold : probe.successThreshold)) {
        ready = good;
        same = 0;
        loop.report(ready);
      }
      answered ||= good;
      delayMs = answered ? probe.periodMs : Math.min(probe.periodMs, delayMs * delayGrowth);
      await clock.sleep(delayMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** `known`: it was ready before, so whose socket it is has been found out. */
async function ask(loop: ProbeLoop, known: boolean, signal: AbortSignal): Promise<boolean> {
  const { probe, address, owns } = loop;
  const { action } = probe;
  if (action.kind === 'unsupported') return false;
  const host = action.host ?? address;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(probe.timeoutMs)]);
  const good =
    action.kind === 'tcp'
      ? await connects(host, action.port, limit)
      : await answers(action, host, limit);
  return good && (known || action.host !== undefined || (await owns(action.port)));
}

function connects(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function answers(
  action: Extract<ProbeAction, { kind: 'http' }>,
  host: string,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const send = action.secure ? secureRequest : request;
    const options = {
      host,
      port: action.port,
      path: action.path,
      agent: false as const,
      signal,
      rejectUnauthorized: false,
      headers: { 'user-agent': userAgent, accept: '*/*', ...Object.fromEntries(action.headers) },
    };
    const probe = send(options, (response) => {
      response.destroy();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    });
    probe.once('error', () => resolve(false));
    probe.end();
  });
}

function probeAction(probe: Readonly<Record<string, unknown>>, container: Container): ProbeAction {
  const http = asRecord(probe['httpGet']);
  if (http !== undefined) {
    const headers = Array.isArray(http['httpHeaders']) ? http['httpHeaders'].map(asRecord) : [];
    return {
      kind: 'http',
      secure: http['scheme'] === 'HTTPS',
      host: text(http['host']),
      port: portOf(http['port'], container),
      path: text(http['path']) ?? '/',
      headers: headers.map((each) => [text(each?.['name']) ?? '', text(each?.['value']) ?? '']),
    };
  }
  const tcp = asRecord(probe['tcpSocket']);
  if (tcp === undefined) return { kind: 'unsupported' };
  return { kind: 'tcp', host: text(tcp['host']), port: portOf(tcp['port'], container) };
}

function portOf(port: unknown, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((each) => each.name === port);
  return named?.containerPort ?? Number(port);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
