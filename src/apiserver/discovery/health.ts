import { textAnswer, type Answer } from '../request.ts';

export interface HealthCheck {
  readonly name: string;
  readonly passes: () => boolean | Promise<boolean>;
}

/** /healthz, /livez and /readyz: "ok", or with ?verbose each check by name. */
export async function healthAnswer(
  path: string,
  query: URLSearchParams,
  checks: readonly HealthCheck[],
): Promise<Answer> {
  const results = await Promise.all(
    checks
      .filter(({ name }) => !query.getAll('exclude').includes(name))
      .map(async ({ name, passes }) => ({ name, ok: await passes() })),
  );
  const healthy = results.every(({ ok }) => ok);
  const headers = { 'cache-control': 'no-cache, private', 'x-content-type-options': 'nosniff' };
  if (healthy && !query.has('verbose')) return textAnswer(200, 'ok', { headers });
  const lines = results.map(({ name, ok }) => (ok ? `[+]${name} ok` : `[-]${name} failed`));
  const verdict = `${path} check ${healthy ? 'passed' : 'failed'}`;
  return textAnswer(healthy ? 200 : 500, `${[...lines, verdict].join('\n')}\n`, { headers });
}
