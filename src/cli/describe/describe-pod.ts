import type { Container, ContainerState, ContainerStatus, Pod } from '../../api/index.ts';
import { labelLines } from './describe-object.ts';
import { Report } from './report.ts';

/** A pod in kubectl's order: where it is, its containers and how they fare, its volumes. */
export function describePod(pod: Pod): Report {
  const report = new Report();
  const { metadata, spec, status = {} } = pod;
  report.line(0, 'Name:', metadata.name);
  report.line(0, 'Namespace:', metadata.namespace ?? '');
  report.line(0, 'Service Account:', spec.serviceAccountName ?? 'default');
  report.line(0, 'Node:', nodeText(pod));
  if (status.startTime !== undefined) report.line(0, 'Start Time:', timeText(status.startTime));
  labelLines(report, metadata);
  report.line(0, 'Status:', phaseText(pod));
  if (status.reason !== undefined) report.line(0, 'Reason:', status.reason);
  if (status.message !== undefined) report.line(0, 'Message:', status.message);
  report.line(0, 'IP:', status.podIP ?? '');
  report.line(0, 'IPs:', ...(status.podIPs === undefined ? ['<none>'] : []));
  for (const { ip } of status.podIPs ?? []) report.line(1, 'IP:', ip);
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner !== undefined) report.line(0, 'Controlled By:', `${owner.kind}/${owner.name}`);
  containerList(
    report,
    'Init Containers:',
    spec.initContainers ?? [],
    status.initContainerStatuses,
  );
  containerList(report, 'Containers:', spec.containers, status.containerStatuses);
  if (status.conditions !== undefined) {
    report.line(0, 'Conditions:');
    report.line(1, 'Type', 'Status', '');
    for (const { type, status: value } of status.conditions) report.line(1, type, value, '');
  }
  volumeLines(report, pod);
  report.line(0, 'QoS Class:', status.qosClass ?? '');
  const selector = Object.entries(spec.nodeSelector ?? {}).map(([key, value]) => `${key}=${value}`);
  report.line(
    0,
    'Node-Selectors:',
    selector.length === 0 ? '<none>' : selector.toSorted().join(','),
  );
  report.line(0, 'Tolerations:', tolerationText(pod));
  return report;
}

function nodeText({ spec, status }: Pod): string {
  if (spec.nodeName === undefined || spec.nodeName === '') return '<none>';
  return `${spec.nodeName}/${status?.hostIP ?? ''}`;
}

function phaseText({ metadata, status }: Pod): string {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined) return status?.phase ?? '';
  return `Terminating (until ${deletionTimestamp}, ${deletionGracePeriodSeconds ?? 0}s)`;
}

/** RFC 1123 with a numeric zone, as Go prints it. */
function timeText(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toUTCString().replace('GMT', '+0000');
}

function containerList(
  report: Report,
  title: string,
  containers: readonly Container[],
  statuses: readonly ContainerStatus[] = [],
): void {
  if (containers.length === 0) return;
  report.line(0, title);
  for (const container of containers) {
    report.line(1, `${container.name}:`);
    const status = statuses.find(({ name }) => name === container.name);
    containerLines(report, container, status);
  }
}

function containerLines(
  report: Report,
  container: Container,
  status: ContainerStatus | undefined,
): void {
  const ports = (container.ports ?? []).map(
    ({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}`,
  );
  report.line(2, 'Container ID:', status?.containerID ?? '');
  report.line(2, 'Image:', container.image ?? '');
  report.line(2, 'Image ID:', status?.imageID ?? '');
  report.line(2, ports.length > 1 ? 'Ports:' : 'Port:', ports.join(', ') || '<none>');
  wordLines(report, 'Command:', container.command);
  wordLines(report, 'Args:', container.args);
  if (status !== undefined) {
    stateLines(report, 'State:', status.state);
    if (Object.keys(status.lastState ?? {}).length > 0) {
      stateLines(report, 'Last State:', status.lastState);
    }
    report.line(2, 'Ready:', status.ready ? 'True' : 'False');
    report.line(2, 'Restart Count:', String(status.restartCount));
  }
  quantityLines(report, 'Limits:', container.resources?.limits);
  quantityLines(report, 'Requests:', container.resources?.requests);
  environmentLines(report, container);
  const mounts = container.volumeMounts ?? [];
  report.line(2, 'Mounts:', ...(mounts.length === 0 ? ['<none>'] : []));
  for (const { mountPath, name, readOnly = false } of mounts) {
    report.line(3, `${mountPath} from ${name} (${readOnly ? 'ro' : 'rw'})`);
  }
}

function wordLines(report: Report, label: string, words: readonly string[] = []): void {
  if (words.length === 0) return;
  report.line(2, label);
  for (const word of words) report.line(3, word);
}

function stateLines(report: Report, label: string, state: ContainerState = {}): void {
  const { running, terminated, waiting } = state;
  if (running !== undefined) {
    report.line(2, label, 'Running');
    report.line(3, 'Started:', timeText(running.startedAt ?? ''));
  } else if (terminated !== undefined) {
    report.line(2, label, 'Terminated');
    if (terminated.reason !== undefined) report.line(3, 'Reason:', terminated.reason);
    if (terminated.message !== undefined) report.line(3, 'Message:', terminated.message.trim());
    report.line(3, 'Exit Code:', String(terminated.exitCode));
    if (terminated.signal !== undefined) report.line(3, 'Signal:', String(terminated.signal));
    report.line(3, 'Started:', timeText(terminated.startedAt ?? ''));
    report.line(3, 'Finished:', timeText(terminated.finishedAt ?? ''));
  } else {
    report.line(2, label, 'Waiting');
    if (waiting?.reason !== undefined) report.line(3, 'Reason:', waiting.reason);
    if (waiting?.message !== undefined) report.line(3, 'Message:', waiting.message.trim());
  }
}

function quantityLines(
  report: Report,
  label: string,
  quantities: Readonly<Record<string, string | number>> = {},
): void {
  const entries = Object.entries(quantities).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return;
  report.line(2, label);
  for (const [name, quantity] of entries) report.line(3, `${name}:`, String(quantity));
}

function environmentLines(report: Report, { env = [], envFrom = [] }: Container): void {
  for (const { configMapRef, secretRef } of envFrom) {
    const [what, name] =
      configMapRef === undefined ? ['Secret', secretRef?.name] : ['ConfigMap', configMapRef.name];
    report.line(2, 'Environment Variables from:', `${name ?? ''}  ${what}`);
  }
  report.line(2, 'Environment:', ...(env.length === 0 ? ['<none>'] : []));
  for (const { name, value = '', valueFrom } of env) {
    const { fieldRef, configMapKeyRef, secretKeyRef, resourceFieldRef } = valueFrom ?? {};
    const key = configMapKeyRef ?? secretKeyRef;
    const from =
      fieldRef !== undefined
        ? ` (v1:${fieldRef.fieldPath})`
        : key !== undefined
          ? `<set to the key '${key.key}' in ${configMapKeyRef === undefined ? 'secret' : 'config map'} '${key.name ?? ''}'>`
          : resourceFieldRef !== undefined
            ? `(${resourceFieldRef.resource})`
            : value;
    report.line(3, `${name}:`, from);
  }
}

const volumeKinds: Readonly<Record<string, string>> = {
  configMap: 'ConfigMap (a volume populated by a ConfigMap)',
  secret: 'Secret (a volume populated by a Secret)',
  emptyDir: "EmptyDir (a temporary directory that shares a pod's lifetime)",
  hostPath: 'HostPath (bare host directory volume)',
  downwardAPI: 'DownwardAPI (a volume populated by information about the pod)',
  projected: 'Projected (a volume that contains injected data from multiple sources)',
};

function volumeLines(report: Report, { spec }: Pod): void {
  const { volumes = [] } = spec;
  report.line(0, 'Volumes:', ...(volumes.length === 0 ? ['<none>'] : []));
  for (const volume of volumes) {
    const { name, configMap, secret } = volume;
    const type = Object.keys(volume).find((key) => key !== 'name') ?? '';
    report.line(1, `${name}:`);
    report.line(2, 'Type:', volumeKinds[type] ?? type);
    if (configMap !== undefined) {
      report.line(2, 'Name:', configMap.name ?? '');
      report.line(2, 'Optional:', String(configMap.optional ?? false));
    }
    if (secret !== undefined) {
      report.line(2, 'SecretName:', secret.secretName ?? '');
      report.line(2, 'Optional:', String(secret.optional ?? false));
    }
  }
}

function tolerationText({ spec }: Pod): string {
  const texts = (spec.tolerations ?? []).map(
    ({ key = '', operator, value, effect, tolerationSeconds }) => {
      const what = value === undefined || value === '' ? key : `${key}=${value}`;
      const where = effect === undefined || effect === '' ? '' : `:${effect}`;
      const how = operator === 'Exists' ? ' op=Exists' : '';
      const long = tolerationSeconds === undefined ? '' : ` for ${tolerationSeconds}s`;
      return what + where + how + long;
    },
  );
  return texts.length === 0 ? '<none>' : texts.join(', ');
}
