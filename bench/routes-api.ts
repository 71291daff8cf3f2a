/**
 * An API server over memory that knows the kind Function, and no controllers. Prints how to reach it.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { openControlPlane } from '../e2e/testing/control-plane.ts';
import type { KubeObject } from '../src/api/index.ts';
import type { ResourceRef } from '../src/client/index.ts';
import { say } from './child.ts';

const crds: ResourceRef<KubeObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const crd = new URL('../deploy/crds/functions.nought.dev.yaml', import.meta.url);

const plane = await openControlPlane({ controllers: false });
await plane.client.resource(crds).create(parse(readFileSync(crd, 'utf8')) as KubeObject);
say({ server: plane.url, ca: plane.ca, token: plane.token });
process.on('SIGTERM', () => {
  void plane[Symbol.asyncDispose]().then(() => process.exit(0));
});
