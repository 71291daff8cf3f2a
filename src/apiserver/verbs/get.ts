import { objectAnswer, presentationOf } from '../codec/present.ts';
import type { NamedCall } from '../engine.ts';
import { notFound } from '../refusals.ts';
import type { Answer } from '../request.ts';
import type { Stored } from '../storage/stored.ts';
import { parseRevision } from './list-options.ts';
import { reachRevision } from './reach-revision.ts';

/** GET of one object; `resourceVersion=N` asks for a state that is not older. */
export async function getObject(call: NamedCall): Promise<Answer> {
  const { engine, request, resource } = call;
  const presentation = presentationOf(request.accept, request.query, engine.clock.now());
  const version = request.query.get('resourceVersion') ?? '';
  if (version !== '') await reachRevision(engine, parseRevision(version, 400), request.signal);
  return objectAnswer(presentation, resource, { item: await readObject(call), status: 200 });
}

/** The object that a call names. Throws StatusError 404. */
export async function readObject({
  engine,
  resource,
  namespace,
  name,
}: NamedCall): Promise<Stored> {
  const stored = await engine.objects.get(resource, namespace, name);
  if (stored === undefined) throw notFound(resource.descriptor, name);
  return stored;
}
