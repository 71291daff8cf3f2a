import { formatTime } from '../../api/index.ts';
import { isRecord, member, type ApiObject } from '../api-object.ts';

/** A pod that has been given its node, and says so in its status. */
export function boundPod(pod: ApiObject, nodeName: string, nowMs: number): ApiObject {
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  const status = isRecord(pod['status']) ? pod['status'] : {};
  const before: unknown = status['conditions'];
  const conditions: readonly unknown[] = Array.isArray(before) ? before : [];
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: formatTime(nowMs),
  };
  const others = conditions.filter((one) => member(one, 'type') !== scheduled.type);
  return {
    ...pod,
    spec: { ...spec, nodeName },
    status: { ...status, conditions: [...others, scheduled] },
  };
}
