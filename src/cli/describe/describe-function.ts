import type { FunctionObject, Pod, TrafficStatus } from '../../api/index.ts';
import { heading, members } from './describe-object.ts';
import { Report } from './report.ts';

/** A function: what its user asks first (can it be called, where, what runs), then its code. */
export function describeFunction(fn: FunctionObject, pods: readonly Pod[]): Report {
  const report = new Report();
  const { spec, status = {} } = fn;
  const { source, scaling = {} } = spec;
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  heading(report, fn);
  report.line(0, 'Created:', fn.metadata.creationTimestamp ?? '');
  report.line(0, 'URL:', status.url ?? '<none>');
  report.line(0, 'Ready:', readyText(ready));
  report.line(0, 'Revision:', status.revision ?? '<none>');
  trafficLines(report, status.traffic ?? []);
  report.line(0, 'Replicas:', `${status.replicas ?? 0} now | ${status.readyReplicas ?? 0} ready`);
  report.line(0, 'Last Invoked:', status.lastInvoked ?? '<never>');
  report.line(0, 'Runtime:', spec.runtime);
  report.line(0, 'Handler:', spec.handler ?? '<default>');
  report.line(0, 'Signature:', spec.signature ?? 'json');
  report.line(0, 'Timeout:', spec.timeout ?? '30s');
  report.line(0, 'Cold Start:', spec.coldStart ?? 'wait');
  report.line(0, 'Scaling:');
  members(report, 1, scaling);
  if (spec.env !== undefined) {
    report.line(0, 'Environment:');
    for (const { name, value } of spec.env) report.line(1, `${name}:`, value ?? '<from elsewhere>');
  }
  if (spec.resources !== undefined) {
    report.line(0, 'Resources:');
    members(report, 1, { ...spec.resources });
  }
  sourceLines(report, source);
  conditionLines(report, status.conditions ?? []);
  podLines(report, pods);
  return report;
}

function readyText(ready: Condition | undefined): string {
  if (ready === undefined) return 'Unknown';
  const why = [ready.reason, ready.message].filter(Boolean).join(': ');
  return why === '' ? ready.status : `${ready.status} (${why})`;
}

/** How the calls are shared, where they are. */
function trafficLines(report: Report, traffic: readonly TrafficStatus[]): void {
  if (traffic.length === 0) return;
  report.line(0, 'Traffic:');
  report.line(1, 'Weight', 'Revision', 'Tag', 'Ready');
  report.line(1, '------', '--------', '---', '-----');
  for (const { weight, revision = '<none>', latest, tag, ...pods } of traffic) {
    const name = latest === true ? `${revision} (latest)` : revision;
    const ready = `${pods.readyReplicas}/${pods.replicas}`;
    report.line(1, String(weight), name, tag ?? '<none>', ready);
  }
}

function sourceLines(report: Report, source: FunctionObject['spec']['source']): void {
  const { inline, files, image } = source;
  if (image !== undefined) report.line(0, 'Image:', image);
  if (source.package !== undefined) report.line(0, 'Package:', source.package.name);
  const texts = inline === undefined ? Object.entries(files ?? {}) : [['', inline] as const];
  if (texts.length > 0) report.line(0, 'Source:');
  for (const [path, text] of texts) {
    if (path !== '') report.line(1, `${path}:`);
    const level = path === '' ? 1 : 2;
    for (const line of text.trimEnd().split('\n')) report.line(level, line);
  }
}

type Condition = NonNullable<NonNullable<FunctionObject['status']>['conditions']>[number];

export function conditionLines(report: Report, conditions: readonly Condition[]): void {
  if (conditions.length === 0) return;
  report.line(0, 'Conditions:');
  report.line(1, 'Type', 'Status', 'Reason', 'Message');
  report.line(1, '----', '------', '------', '-------');
  for (const { type, status, reason = '', message = '' } of conditions) {
    report.line(1, type, status, reason, message.trim());
  }
}

function podLines(report: Report, pods: readonly Pod[]): void {
  if (pods.length === 0) {
    report.line(0, 'Pods:', '<none>');
    return;
  }
  report.line(0, 'Pods:');
  report.line(1, 'Name', 'Phase', 'IP', 'Restarts');
  report.line(1, '----', '-----', '--', '--------');
  for (const { metadata, status = {} } of pods) {
    const restarts = (status.containerStatuses ?? []).reduce(
      (sum, each) => sum + each.restartCount,
      0,
    );
    const phase = metadata.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating';
    report.line(1, metadata.name, phase, status.podIP ?? '<none>', String(restarts));
  }
}
