import { descriptorsFromCrd, formatTime, type Condition } from '../../api/index.ts';
import type { Clock } from '../../lib/clock.ts';
import { isRecord, member, textMember, type ApiObject } from '../api-object.ts';
import type { HubEvent } from '../storage/hub-event.ts';
import type { Stored } from '../storage/stored.ts';
import { nameConflict, namesOf } from './crd-names.ts';
import type { Registry } from './registry.ts';
import { makeResource, resourcePrefix, type Resource } from './resource.ts';

export const crdGroup = 'apiextensions.k8s.io';
export const crdPlural = 'customresourcedefinitions';
/** Keeps a CRD until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';
export const crdPrefix = resourcePrefix(crdGroup, crdPlural);

/**
 * Makes kinds out of CustomResourceDefinitions.
 *
 * Invariants:
 * 1. A CRD's names are checked and its status is written in the same write as its spec, so that the
 *    kind is served when the write is answered.
 * 2. Writes of this process and changes seen in the store both end up in the registry; the newer
 *    revision wins.
 */
export class CustomResources {
  readonly #registry: Registry;
  readonly #clock: Clock;

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** A CRD with the status that its spec gives it. */
  prepare(crd: ApiObject, old: ApiObject | undefined): ApiObject {
    const { metadata } = crd;
    const finalizers = metadata.finalizers ?? [];
    const known = old !== undefined || finalizers.includes(cleanupFinalizer);
    return {
      ...crd,
      metadata: known ? metadata : { ...metadata, finalizers: [...finalizers, cleanupFinalizer] },
      status: this.#status(crd, old),
    };
  }

  /** Takes in a CRD that this process has just written; any other object is ignored. */
  written(stored: Stored): void {
    if (stored.key.startsWith(crdPrefix)) this.#install(stored);
  }

  /** Takes in a CRD that has gone. */
  removed(key: string, revision: number): void {
    if (key.startsWith(crdPrefix)) {
      this.#registry.install(key.slice(crdPrefix.length), revision, []);
    }
  }

  /** Takes in a change seen in the store. */
  observe(event: HubEvent, crds: Resource): void {
    const { current, revision } = event.as(crds);
    if (current === undefined) this.removed(event.key, revision);
    else this.#install(current);
  }

  #install(stored: Stored): void {
    const { object } = stored;
    const established = conditionStatus(object, 'Established') === 'True';
    this.#registry.install(
      object.metadata.name,
      stored.revision,
      established ? resourcesOf(object) : [],
    );
  }

  #status(crd: ApiObject, old: ApiObject | undefined): unknown {
    const names = namesOf(crd);
    const clash = nameConflict(crd, this.#registry.resources());
    const accepted = clash === undefined;
    const wereEstablished = conditionStatus(old, 'Established') === 'True';
    const before = conditionsOf(old);
    const conditions = [
      this.#condition(before, {
        type: 'NamesAccepted',
        status: accepted ? 'True' : 'False',
        reason: clash?.reason ?? 'NoConflicts',
        message: clash?.message ?? 'no conflicts found',
      }),
      this.#condition(before, {
        type: 'Established',
        status: accepted || wereEstablished ? 'True' : 'False',
        reason: accepted || wereEstablished ? 'InitialNamesAccepted' : 'NotAccepted',
        message:
          accepted || wereEstablished
            ? 'the initial names have been accepted'
            : 'not all names are accepted',
      }),
      ...before.filter(({ type }) => type !== 'NamesAccepted' && type !== 'Established'),
    ];
    const acceptedBefore = member(old?.['status'], 'acceptedNames') ?? { kind: '', plural: '' };
    return {
      conditions,
      acceptedNames: accepted ? names : acceptedBefore,
      storedVersions: storedVersions(crd, old),
    };
  }

  #condition(before: readonly Condition[], wanted: Condition): Condition {
    const known = before.find(({ type }) => type === wanted.type);
    const lastTransitionTime =
      known?.status === wanted.status && known.lastTransitionTime !== undefined
        ? known.lastTransitionTime
        : formatTime(this.#clock.now());
    return { ...wanted, lastTransitionTime };
  }
}

function resourcesOf(crd: ApiObject): readonly Resource[] {
  const { uid = '', generation = 0, deletionTimestamp } = crd.metadata;
  const options = {
    storageVersion: storageVersion(crd),
    fingerprint: `${uid}/${generation}`,
    terminating: deletionTimestamp !== undefined,
  };
  return descriptorsFromCrd(crd).map((descriptor) => makeResource(descriptor, options));
}

function storageVersion(crd: ApiObject): string {
  const versions = member(crd['spec'], 'versions');
  const stored = Array.isArray(versions)
    ? versions.find((version: unknown) => member(version, 'storage') === true)
    : undefined;
  return textMember(stored, 'name');
}

function storedVersions(crd: ApiObject, old: ApiObject | undefined): readonly unknown[] {
  const before = member(old?.['status'], 'storedVersions');
  return [...new Set([...(Array.isArray(before) ? before : []), storageVersion(crd)])];
}

function conditionsOf(crd: ApiObject | undefined): readonly Condition[] {
  const conditions = member(crd?.['status'], 'conditions');
  return Array.isArray(conditions) ? conditions.filter(isCondition) : [];
}

function isCondition(value: unknown): value is Condition {
  return isRecord(value) && typeof value['type'] === 'string';
}

function conditionStatus(crd: ApiObject | undefined, type: string): string | undefined {
  return conditionsOf(crd).find((condition) => condition.type === type)?.status;
}
