import type { Ids } from '../../lib/ids.ts';
import { parseTraceparent, type TraceContext, type TraceParent } from '../trace-context.ts';

/** Which calls are told of: `OTEL_TRACES_SAMPLER`. */
export interface Sampler {
  /** The client's decision is kept where there is one. */
  readonly parentBased: boolean;
  /** Share of the traces that begin here, or of all: 0 … 1. */
  readonly ratio: number;
}

const sampledBit = 1;
/** Hexadecimal digits of a trace id that a number holds exactly. */
const ratioDigits = 13;

/** Begins the spans of each call, and decides whether they will be told. */
export class Tracer {
  readonly #ids: Ids;
  readonly #sampler: Sampler;

  constructor(ids: Ids, sampler: Sampler) {
    this.#ids = ids;
    this.#sampler = sampler;
  }

  /** Goes on with the client's trace, or begins one; the decision is passed on in the flags. */
  start(traceparent: string, tracestate: string): TraceContext {
    const parent = traceparent === '' ? undefined : parseTraceparent(traceparent);
    const traceId = parent?.traceId ?? this.#ids.hex(32);
    const sampled = this.#sampled(traceId, parent);
    const known = Number.parseInt(parent?.flags ?? '00', 16);
    const flags = sampled ? known | sampledBit : known & ~sampledBit;
    const podId = this.#ids.hex(16);
    const passed = `00-${traceId}-${podId}-${flags.toString(16).padStart(2, '0')}`;
    const continued = parent !== undefined;
    if (!sampled) return { traceparent: passed, continued };
    const spans = {
      traceId,
      parentId: parent?.parentId ?? '',
      tracestate: continued ? tracestate : '',
      serverId: this.#ids.hex(16),
      podId,
      flags,
    };
    return { traceparent: passed, continued, spans };
  }

  #sampled(traceId: string, parent: TraceParent | undefined): boolean {
    const { parentBased, ratio } = this.#sampler;
    if (parentBased && parent !== undefined) {
      return (Number.parseInt(parent.flags, 16) & sampledBit) === sampledBit;
    }
    if (ratio >= 1) return true;
    // All who sample by the same ratio decide alike: the last digits of the id are random.
    return Number.parseInt(traceId.slice(-ratioDigits), 16) < ratio * 16 ** ratioDigits;
  }
}
