import type {
  Container,
  EnvVar,
  FunctionObject,
  PodTemplateSpec,
  ResourceRequirements,
  Signature,
  Volume,
} from '../api/index.ts';
import { names } from '../api/index.ts';
import type { FunctionCode } from './function-code.ts';

/** What of its surroundings a function's pod is told. */
export interface Placement {
  /** The gateway as a pod reaches it. */
  readonly gatewayUrl: string;
  /** Tag of the runtime images. */
  readonly runtimeVersion: string;
}

export interface PodTemplateInput {
  readonly fn: FunctionObject;
  readonly code: Exclude<FunctionCode, { kind: 'invalid' }>;
  readonly revision: string;
  readonly placement: Placement;
  readonly graceSeconds: number;
}

export const terminationLog = '/dev/termination-log';
const defaultMemoryLimit = '512Mi';
/** What most functions need; without it the limit would count as what they ask for. */
const defaultMemoryRequest = '64Mi';

/** The template of a function's pods: what node agents and function servers rely on. */
export function podTemplate(input: PodTemplateInput): PodTemplateSpec {
  const { fn, revision, graceSeconds } = input;
  const { serviceAccountName } = fn.spec;
  const volume = codeVolume(input);
  return {
    metadata: {
      labels: { [names.label.function]: fn.metadata.name, [names.label.revision]: revision },
    },
    spec: {
      containers: [functionContainer(input, volume)],
      ...(volume === undefined ? {} : { volumes: [volume] }),
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: graceSeconds,
      enableServiceLinks: false,
      // A function that names an identity wants to use it; all others get no credentials at all.
      automountServiceAccountToken: serviceAccountName !== undefined,
      ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    },
  };
}

function functionContainer(input: PodTemplateInput, volume: Volume | undefined): Container {
  const { fn, code } = input;
  const signature: Signature = code.kind === 'image' ? 'http' : code.signature;
  return {
    name: 'function',
    image: image(input),
    ports: [{ containerPort: names.functionPort }],
    env: [...platformEnv(input), ...(fn.spec.env ?? [])],
    ...(fn.spec.envFrom === undefined ? {} : { envFrom: fn.spec.envFrom }),
    resources: resources(fn.spec.resources),
    terminationMessagePath: terminationLog,
    readinessProbe: readinessProbe(signature),
    ...(volume === undefined
      ? {}
      : { volumeMounts: [{ name: volume.name, mountPath: names.codeMountPath, readOnly: true }] }),
  };
}

function image({ fn, code, placement }: PodTemplateInput): string {
  if (code.kind === 'image') return code.image;
  const repository = fn.spec.runtime === 'python' ? names.image.python : names.image.node;
  return `${repository}:${placement.runtimeVersion}`;
}

function platformEnv({ fn, code, revision, placement }: PodTemplateInput): EnvVar[] {
  const { name } = fn.metadata;
  const env: EnvVar[] = [
    { name: 'PORT', value: String(names.functionPort) },
    { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'K_SERVICE', value: name },
    { name: 'K_REVISION', value: `${name}-${revision}` },
    { name: 'NOUGHT_FUNCTION', value: name },
    { name: 'NOUGHT_NAMESPACE', value: fn.metadata.namespace ?? '' },
    { name: 'NOUGHT_GATEWAY', value: placement.gatewayUrl },
  ];
  if (code.kind === 'image') return env;
  return [
    ...env,
    { name: 'NOUGHT_CODE', value: names.codeMountPath },
    { name: 'NOUGHT_HANDLER', value: code.handler },
    { name: 'NOUGHT_SIGNATURE', value: code.signature },
    { name: 'NOUGHT_TERMINATION_LOG', value: terminationLog },
  ];
}

/** The resources of a function that names none. */
export const defaultResources: ResourceRequirements = {
  limits: { memory: defaultMemoryLimit },
  requests: { memory: defaultMemoryRequest },
};

function resources(given: ResourceRequirements = {}): ResourceRequirements {
  if (Object.keys(given).length === 0) return defaultResources;
  return given.limits?.['memory'] === undefined
    ? { ...given, limits: { ...given.limits, memory: defaultMemoryLimit } }
    : given;
}

/** Code that listens by itself knows no path of ours: that it takes a connection must do. */
function readinessProbe(signature: Signature): Readonly<Record<string, unknown>> {
  const port = names.functionPort;
  const check =
    signature === 'http' ? { tcpSocket: { port } } : { httpGet: { path: names.readyPath, port } };
  return { ...check, periodSeconds: 1, timeoutSeconds: 5 };
}

/**
 * The code, as files below the mount: those of the ConfigMap `FUNCTION-REVISION` under their paths;
 * of a package its chunks as `.nought-package/000` and so on, which are one tar.gz in a row.
 */
function codeVolume({ fn, code, revision }: PodTemplateInput): Volume | undefined {
  switch (code.kind) {
    case 'image':
      return undefined;
    case 'files': {
      const items = code.files.map(({ path }, index) => ({ key: `f${index}`, path }));
      return { name: 'code', configMap: { name: `${fn.metadata.name}-${revision}`, items } };
    }
    case 'package': {
      const sources = Array.from({ length: code.chunks }, (_, index) => {
        const path = `.nought-package/${String(index).padStart(3, '0')}`;
        return {
          configMap: { name: `pkg-${code.name}-${index}`, items: [{ key: 'chunk', path }] },
        };
      });
      return { name: 'code', projected: { sources } };
    }
  }
}
