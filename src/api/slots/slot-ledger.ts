import type { SlotAnswer, SlotCount } from './slot-messages.ts';

/** A pod whose slots can be granted. */
export interface SlotPod {
  readonly uid: string;
  /** The function's hard limit. */
  readonly limit: number;
  readonly ready: boolean;
  readonly createdMs: number;
  /** Nobody unknown can hold slots of it. */
  readonly trusted: boolean;
}

export interface SlotMail {
  readonly gateway: string;
  readonly answer: SlotAnswer;
}

interface Recall {
  readonly wanted: number;
  readonly owed: number;
}

interface Gateway {
  readonly wants: Map<string, { slots: number; readonly since: number }>;
  readonly recalls: Map<string, Recall>;
  readonly caps: Map<string, number>;
}

const noRecall: Recall = { wanted: 0, owed: 0 };
/** Pods whose limit is at most this are filled one after the other, so that the rest can drain. */
const packingLimit = 3;

/**
 * The autoscaler's side of shared hard limits: who holds which slots, who wants more, who owes some.
 *
 * Invariants:
 * 1. All gateways together hold at most `limit` slots of a pod, but for those that a lower limit has
 *    made too many: these are called back.
 * 2. What a gateway holds is its own until it gave it back, said that it holds less, or is forgotten.
 * 3. A gateway that wants slots and has less than its share gets them as others finish requests.
 * 4. An answer is sent only when it says something new.
 */
export class SlotLedger {
  readonly #pods = new Map<string, readonly SlotPod[]>();
  /** Slots by pod, then by gateway. */
  readonly #held = new Map<string, Map<string, number>>();
  readonly #gateways = new Map<string, Gateway>();
  #mail: SlotMail[] = [];
  #clock = 0;

  /** A gateway has (re)connected and says what it holds. */
  holding(gateway: string, pods: readonly SlotCount[]): void {
    for (const held of this.#held.values()) held.delete(gateway);
    for (const { pod, slots } of pods) this.#heldOf(pod).set(gateway, slots);
    this.#gateways.set(gateway, { wants: new Map(), recalls: new Map(), caps: new Map() });
    this.#resolveAll();
  }

  /** A gateway is away: it gets nothing; what it holds stays its own. */
  away(gateway: string): void {
    this.#gateways.delete(gateway);
    this.#resolveAll();
  }

  /** A gateway is gone, and all its requests are over. */
  forget(gateway: string): void {
    this.#gateways.delete(gateway);
    for (const held of this.#held.values()) held.delete(gateway);
    this.#resolveAll();
  }

  want(gateway: string, name: string, slots: number): void {
    const wants = this.#gateways.get(gateway)?.wants;
    if (wants === undefined) return;
    const before = wants.get(name);
    if (slots === 0) wants.delete(name);
    else wants.set(name, { slots, since: before?.since ?? (this.#clock += 1) });
    this.#resolve(name);
  }

  returned(gateway: string, pods: readonly SlotCount[]): void {
    const touched = new Set<string>();
    for (const { pod, slots } of pods) {
      const held = this.#heldOf(pod);
      held.set(gateway, Math.max(0, (held.get(gateway) ?? 0) - slots));
      touched.add(pod);
    }
    for (const [name, all] of this.#pods) {
      if (!all.some(({ uid }) => touched.has(uid))) continue;
      this.#settleRecall(gateway, name, pods, all);
      this.#resolve(name);
    }
  }

  /** The pods of a function whose slots may be granted, all of them; empty forgets the function. */
  pods(name: string, pods: readonly SlotPod[]): void {
    if (pods.length === 0) this.#pods.delete(name);
    else this.#pods.set(name, pods);
    this.#resolve(name);
  }

  /** The pod is gone, with all that ran on it. */
  removed(pod: string): void {
    this.#held.delete(pod);
    for (const { caps } of this.#gateways.values()) caps.delete(pod);
  }

  /** Functions that some gateway wants slots of. */
  wanted(): ReadonlySet<string> {
    return new Set([...this.#gateways.values()].flatMap(({ wants }) => [...wants.keys()]));
  }

  /** Whether the gateway holds anything. */
  holds(gateway: string): boolean {
    for (const held of this.#held.values()) if ((held.get(gateway) ?? 0) > 0) return true;
    return false;
  }

  /** What there is to tell the gateways, in this order; empties the list. */
  mail(): readonly SlotMail[] {
    const mail = this.#mail;
    this.#mail = [];
    return mail;
  }

  #heldOf(pod: string): Map<string, number> {
    let held = this.#held.get(pod);
    if (held === undefined) {
      held = new Map();
      this.#held.set(pod, held);
    }
    return held;
  }

  #resolveAll(): void {
    for (const name of new Set([...this.#pods.keys(), ...this.wanted()])) this.#resolve(name);
  }

  /** What came back is no longer asked for: the gateway has deducted it too. */
  #settleRecall(
    gateway: string,
    name: string,
    pods: readonly SlotCount[],
    all: readonly SlotPod[],
  ): void {
    const recalls = this.#gateways.get(gateway)?.recalls;
    const before = recalls?.get(name);
    if (recalls === undefined || before === undefined) return;
    const mine = pods.filter(({ pod }) => all.some(({ uid }) => uid === pod));
    const back = mine.reduce((sum, { slots }) => sum + slots, 0);
    const wanted = Math.max(0, before.wanted - back);
    recalls.set(name, { wanted, owed: Math.max(0, before.owed - back) });
  }

  #resolve(name: string): void {
    const pods = this.#pods.get(name) ?? [];
    this.#grant(name, pods);
    this.#recall(name, pods);
    this.#cap(pods);
  }

  /** Gives free slots to those who want some: first to those with the fewest, then who came first. */
  #grant(name: string, pods: readonly SlotPod[]): void {
    const grants = new Map<string, Map<string, number>>();
    for (;;) {
      const taker = this.#nextTaker(name, pods);
      const pod = taker === undefined ? undefined : this.#nextPod(pods);
      if (taker === undefined || pod === undefined) break;
      const held = this.#heldOf(pod.uid);
      held.set(taker, (held.get(taker) ?? 0) + 1);
      const wants = this.#gateways.get(taker)?.wants;
      const want = wants?.get(name);
      if (want !== undefined) want.slots -= 1;
      if (want?.slots === 0) wants?.delete(name);
      let granted = grants.get(taker);
      if (granted === undefined) {
        granted = new Map();
        grants.set(taker, granted);
      }
      granted.set(pod.uid, (granted.get(pod.uid) ?? 0) + 1);
    }
    for (const [gateway, granted] of grants) {
      const slots = counts(granted);
      this.#mail.push({ gateway, answer: { kind: 'granted', function: name, pods: slots } });
    }
  }

  #nextTaker(name: string, pods: readonly SlotPod[]): string | undefined {
    const takers = [...this.#gateways].flatMap(([gateway, { wants }]) => {
      const want = wants.get(name);
      if (want === undefined) return [];
      return [{ gateway, since: want.since, held: this.#total(gateway, pods) }];
    });
    takers.sort((a, b) => a.held - b.held || a.since - b.since);
    return takers[0]?.gateway;
  }

  #nextPod(pods: readonly SlotPod[]): SlotPod | undefined {
    const open = pods
      .filter((pod) => pod.trusted)
      .map((pod) => ({ pod, free: pod.limit - this.#sum(pod.uid) }))
      .filter(({ free }) => free > 0);
    open.sort(
      (a, b) =>
        Number(b.pod.ready) - Number(a.pod.ready) ||
        (a.pod.limit > packingLimit ? b.free - a.free : 0) ||
        a.pod.createdMs - b.pod.createdMs ||
        (a.pod.uid < b.pod.uid ? -1 : 1),
    );
    return open[0]?.pod;
  }

  /** Tells those who hold slots how many others want, and how many they owe. */
  #recall(name: string, pods: readonly SlotPod[]): void {
    const sides = [...this.#gateways].map(([gateway, { wants, recalls }]) => ({
      gateway,
      recalls,
      held: this.#total(gateway, pods),
      want: wants.get(name)?.slots ?? 0,
      owed: recalls.get(name)?.owed ?? 0,
    }));
    const contenders = sides.filter(({ held, want }) => held + want > 0);
    const total = pods.reduce((sum, { limit }) => sum + limit, 0);
    const share = total / Math.max(1, contenders.length);
    const wanted = contenders.reduce((sum, { want }) => sum + want, 0);
    let missing = 0;
    for (const { held, want } of contenders) {
      missing += Math.min(want, Math.max(0, Math.ceil(share) - held));
    }
    // Who owes already goes on to; then those with the most.
    const order = contenders.toSorted((a, b) => b.owed - a.owed || b.held - a.held);
    for (const side of order) {
      const surplus = Math.max(0, side.held - Math.floor(share));
      const owed = side.want > 0 && surplus === 0 ? 0 : Math.min(missing, surplus);
      missing -= owed;
      const others = Math.min(side.held, wanted - side.want);
      this.#tellRecall(side, name, { wanted: Math.max(others, owed), owed });
    }
    for (const side of sides) if (side.held + side.want === 0) side.recalls.delete(name);
  }

  #tellRecall(
    { gateway, recalls }: { readonly gateway: string; readonly recalls: Map<string, Recall> },
    name: string,
    next: Recall,
  ): void {
    const { wanted, owed } = recalls.get(name) ?? noRecall;
    if (next.wanted === wanted && next.owed === owed) return;
    recalls.set(name, next);
    this.#mail.push({ gateway, answer: { kind: 'recall', function: name, ...next } });
  }

  /** Where a limit was lowered, divides what is left of it. */
  #cap(pods: readonly SlotPod[]): void {
    for (const { uid, limit } of pods) {
      const held = [...this.#heldOf(uid)].filter(([, slots]) => slots > 0);
      let excess = held.reduce((sum, [, slots]) => sum + slots, 0) - limit;
      for (const [gateway, slots] of held.toSorted((a, b) => b[1] - a[1])) {
        const caps = this.#gateways.get(gateway)?.caps;
        if (caps === undefined) continue;
        const fair = Math.floor(limit / held.length);
        const cut = Math.min(Math.max(0, excess), Math.max(0, slots - fair));
        excess -= cut;
        const cap = cut > 0 ? slots - cut : limit;
        if (cap === (caps.get(uid) ?? limit)) continue;
        caps.set(uid, cap);
        this.#mail.push({ gateway, answer: { kind: 'cap', pods: [{ pod: uid, slots: cap }] } });
      }
    }
  }

  #total(gateway: string, pods: readonly SlotPod[]): number {
    return pods.reduce((sum, { uid }) => sum + (this.#held.get(uid)?.get(gateway) ?? 0), 0);
  }

  #sum(pod: string): number {
    let sum = 0;
    for (const slots of this.#held.get(pod)?.values() ?? []) sum += slots;
    return sum;
  }
}

function counts(slots: ReadonlyMap<string, number>): readonly SlotCount[] {
  return [...slots].map(([pod, count]) => ({ pod, slots: count }));
}
