import type { Change } from '../storage/hub-event.ts';
import { framePayload, type WatchFrame } from '../storage/watch-frame.ts';
import type { Selection } from './selection.ts';

/**
 * The event that a watcher of a selection gets for a change: an object that begins to match is
 * ADDED, one that no longer does is DELETED in its old state with the new revision (upstream's
 * convertToWatchEvent). undefined when the change does not concern the selection.
 */
export function selectChange(change: Change, selection: Selection): WatchFrame | undefined {
  if (selection.all) return change.frame;
  const { current, previous } = change;
  const matchesNow = current !== undefined && selection.matches(current.object);
  const matchedBefore = previous !== undefined && selection.matches(previous.object);
  if (matchesNow && matchedBefore) return change.frame;
  if (matchesNow) return previous === undefined ? change.frame : framePayload('ADDED', current);
  if (!matchedBefore) return undefined;
  return current === undefined ? change.frame : framePayload('DELETED', previous);
}
