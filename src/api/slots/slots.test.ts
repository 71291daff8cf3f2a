import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { SlotHolder } from './slot-holder.ts';
import { SlotLedger, type SlotPod } from './slot-ledger.ts';
import type { SlotAnswer, SlotRequest } from './slot-messages.ts';

const name = 'default/app';

/** A gateway as far as slots go: requests that wait, requests on pods, and both ways of its connection. */
class ModelGateway {
  readonly id: string;
  holder = new SlotHolder();
  waiting = 0;
  inUse = new Map<string, number>();
  readonly up: SlotRequest[] = [];
  readonly down: SlotAnswer[] = [];
  /** The ledger answers on this connection; what it had sent on the one before is lost. */
  known = false;
  #told = 0;

  constructor(id: string) {
    this.id = id;
  }

  use(pod: string): number {
    return this.inUse.get(pod) ?? 0;
  }

  /** Requests that wait go to pods that have slots; what is wanted still is told. */
  pump(pods: readonly string[]): void {
    for (const pod of pods) {
      const { held, cap } = this.holder.of(pod);
      while (this.waiting > 0 && this.use(pod) < Math.min(held, cap)) {
        this.waiting -= 1;
        this.inUse.set(pod, this.use(pod) + 1);
      }
    }
    if (this.waiting !== this.#told) {
      this.#told = this.waiting;
      this.up.push({ kind: 'want', function: name, slots: this.waiting });
    }
  }

  giveBack(pod: string): void {
    const slots = this.holder.release({
      function: name,
      pod,
      inUse: this.use(pod),
      waiting: this.waiting > 0,
    });
    if (slots > 0) this.up.push({ kind: 'returned', pods: [{ pod, slots }] });
  }

  take(answer: SlotAnswer, pods: readonly string[]): void {
    if (answer.kind === 'granted') {
      this.holder.granted(answer.pods);
      // What was granted is no longer wanted, on the other side either.
      for (const { slots } of answer.pods) this.#told = Math.max(0, this.#told - slots);
    } else if (answer.kind === 'cap') this.holder.capped(answer.pods);
    else if (answer.kind === 'recall') this.holder.recall(name, answer);
    this.pump(pods);
    for (const pod of pods) this.giveBack(pod);
    this.pump(pods);
  }

  connect(pods: readonly string[]): void {
    this.up.length = 0;
    this.down.length = 0;
    this.known = false;
    this.#told = 0;
    this.up.push({ kind: 'holding', pods: this.holder.resume() });
    this.pump(pods);
  }

  restart(pods: readonly string[]): void {
    this.holder = new SlotHolder();
    this.inUse.clear();
    this.waiting = 0;
    this.connect(pods);
  }
}

class Model {
  readonly ledger = new SlotLedger();
  readonly gateways: readonly ModelGateway[];
  readonly limits: Map<string, number>;

  constructor(gateways: number, limits: readonly number[]) {
    this.gateways = Array.from({ length: gateways }, (_, at) => new ModelGateway(`gateway-${at}`));
    this.limits = new Map(limits.map((limit, at) => [`pod-${at}`, limit]));
    this.tellPods();
    for (const gateway of this.gateways) gateway.connect(this.pods);
  }

  get pods(): readonly string[] {
    return [...this.limits.keys()];
  }

  tellPods(): void {
    const views = [...this.limits].map(([uid, limit], at): SlotPod => ({
      uid,
      limit,
      ready: true,
      createdMs: at,
      trusted: true,
    }));
    this.ledger.pods(name, views);
    this.post();
  }

  post(): void {
    for (const { gateway, answer } of this.ledger.mail()) {
      const to = this.gateways.find(({ id }) => id === gateway);
      if (to?.known === true) to.down.push(answer);
    }
  }

  /** Hands on the oldest message of one direction; false when there is none. */
  deliver(gateway: ModelGateway, direction: 'up' | 'down'): boolean {
    if (direction === 'down') {
      const answer = gateway.down.shift();
      if (answer !== undefined) gateway.take(answer, this.pods);
      return answer !== undefined;
    }
    const message = gateway.up.shift();
    if (message?.kind === 'holding') {
      gateway.known = true;
      this.ledger.holding(gateway.id, message.pods);
    } else if (message?.kind === 'want') this.ledger.want(gateway.id, name, message.slots);
    else if (message?.kind === 'returned') this.ledger.returned(gateway.id, message.pods);
    this.post();
    return message !== undefined;
  }

  finish(gateway: ModelGateway, pod: string): void {
    const before = gateway.use(pod);
    if (before === 0) return;
    gateway.inUse.set(pod, before - 1);
    gateway.giveBack(pod);
    gateway.pump(this.pods);
  }

  /** Delivers all that is under way. */
  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const gateway of this.gateways) {
        for (const way of ['up', 'down'] as const) {
          while (this.deliver(gateway, way)) moved = true;
        }
      }
    }
  }

  assertWithinLimits(): void {
    for (const [pod, limit] of this.limits) {
      const used = this.gateways.reduce((sum, gateway) => sum + gateway.use(pod), 0);
      assert.ok(used <= limit, `${used} requests on ${pod}, whose limit is ${limit}`);
    }
  }

  /** Lets requests finish one after the other, until none waits. */
  assertAllAreServed(): void {
    this.settle();
    for (let round = 0; this.gateways.some(({ waiting }) => waiting > 0); round += 1) {
      assert.ok(round < 1000, `${this.gateways.map(({ waiting }) => waiting).join(' and ')} wait`);
      for (const gateway of this.gateways) for (const pod of this.pods) this.finish(gateway, pod);
      this.settle();
      this.assertWithinLimits();
    }
  }
}

const steps = fc.array(
  fc.record({
    what: fc.constantFrom('arrive', 'arrive', 'finish', 'finish', 'up', 'up', 'down', 'down'),
    gateway: fc.nat(2),
    pod: fc.nat(2),
    rare: fc.nat(60),
  }),
  { maxLength: 150, size: 'max' },
);

describe('shared slots', () => {
  test('no pod ever has more requests than its limit, and each request gets its turn', () => {
    const shape = fc.record({
      gateways: fc.integer({ min: 1, max: 3 }),
      limits: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      steps,
    });
    fc.assert(
      fc.property(shape, ({ gateways, limits, steps: walk }) => {
        const model = new Model(gateways, limits);
        for (const { what, gateway: at, pod, rare } of walk) {
          const gateway = model.gateways[at % gateways] as ModelGateway;
          if (rare === 0) gateway.restart(model.pods);
          else if (rare === 1) {
            model.ledger.away(gateway.id);
            gateway.connect(model.pods);
          } else if (what === 'arrive') {
            gateway.waiting += 1;
            gateway.pump(model.pods);
          } else if (what === 'finish') {
            model.finish(gateway, model.pods[pod % model.pods.length] ?? '');
          } else model.deliver(gateway, what);
          model.post();
          model.assertWithinLimits();
        }
        model.assertAllAreServed();
      }),
      { numRuns: 2000 },
    );
  });

  test('an idle gateway hands its slots over, a busy one its share', () => {
    const model = new Model(2, [4]);
    const [first, second] = model.gateways as [ModelGateway, ModelGateway];
    model.settle();
    first.waiting = 10;
    first.pump(model.pods);
    model.settle();
    assert.equal(first.use('pod-0'), 4);
    second.waiting = 10;
    second.pump(model.pods);
    model.settle();
    assert.equal(second.use('pod-0'), 0);
    for (let done = 0; done < 4; done += 1) {
      model.finish(first, 'pod-0');
      model.settle();
    }
    assert.deepEqual([first.use('pod-0'), second.use('pod-0')], [2, 2]);
    first.waiting = 0;
    first.pump(model.pods);
    model.finish(first, 'pod-0');
    model.finish(first, 'pod-0');
    model.settle();
    assert.deepEqual([first.use('pod-0'), second.use('pod-0')], [0, 4]);
  });

  test('a lower limit takes slots back as requests end', () => {
    const model = new Model(2, [4]);
    for (const gateway of model.gateways) gateway.waiting = 2;
    for (const gateway of model.gateways) gateway.pump(model.pods);
    model.settle();
    assert.deepEqual(
      model.gateways.map((gateway) => gateway.use('pod-0')),
      [2, 2],
    );
    model.limits.set('pod-0', 2);
    model.tellPods();
    model.settle();
    for (const gateway of model.gateways) {
      gateway.waiting = 5;
      gateway.pump(model.pods);
      model.finish(gateway, 'pod-0');
      model.settle();
    }
    model.assertWithinLimits();
    model.assertAllAreServed();
  });

  test('SlotHolder.suspend() keeps what is in use and begins nothing', () => {
    const holder = new SlotHolder();
    holder.granted([{ pod: 'a', slots: 3 }]);
    assert.deepEqual(
      holder.suspend(() => 1),
      [{ pod: 'a', slots: 2 }],
    );
    assert.equal(holder.of('a').cap, 0);
    assert.deepEqual(holder.resume(), [{ pod: 'a', slots: 1 }]);
    assert.ok(holder.of('a').cap > 0);
  });
});
