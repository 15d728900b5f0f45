/** What one connection holds, whatever it sends, while others hold all memory that there is. */
import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { createBudget } from '../../../src/runtime/credit.ts';
import { defaultLimits } from '../../../src/runtime/limits.ts';
import { CONNECTION_CREDIT_MAX } from '../../../src/server/bounds.ts';
import type { Sink, Store } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { cases } from '../../support/cases.ts';
import { frame, peer, putFrame } from '../../support/network/peer.ts';

const shortest = (count: number) => Buffer.concat(Array.from({ length: count }, () => frame({})));
const nested = (count: number) => frame({ cmd: 'ping', x: Array.from({ length: count }, () => []) });

const frames = fc.array(
  fc.oneof(
    fc.nat({ max: 1000 }).map(shortest),
    fc.nat({ max: 300_000 }).map((size) => putFrame('a', new Uint8Array(size))),
    fc.nat({ max: 30 }).map((size) => frame({ cmd: 'ping', id: 'i'.repeat(size) })),
    fc.nat({ max: 20_000 }).map(nested),
    fc.nat({ max: 50_000 }).map((size) => frame({ cmd: 'ping', pad: 'x'.repeat(size) })),
  ),
  { maxLength: 8 },
);

/** A store that keeps all that is written to it waiting, until it is let go. */
function stuck() {
  const waiting: (() => void)[] = [];
  const store: Store = memoryStore();
  const put: Store['put'] = async (name, options) => {
    const opened = await store.put(name, options);
    if (!opened.ok) return opened;
    const sink: Sink = opened.value;
    const write: Sink['write'] = async (chunks) => {
      await new Promise<void>((go) => waiting.push(go));
      return sink.write(chunks);
    };
    return { ok: true, value: { ...sink, write, commit: () => sink.commit(), abort: () => sink.abort() } };
  };
  return { store: { ...store, put }, letGo: () => waiting.splice(0).length > 0 && waiting };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

property.prop([frames, fc.integer({ min: 1, max: 200_000 })], { numRuns: cases(60) })(
  'a connection holds no more than was added up, while others hold the budget',
  async (sent, cut) => {
    const marks = { high: 1000 * 1024, low: 500 * 1024 };
    const budget = createBudget(marks);
    budget.window(marks, () => {}).charge(marks.high);
    const { store } = stuck();
    const [theirs, ours] = memoryPair();
    const subscription = serveConnection(ours, {
      session: createSession(commands, { openRequests: 64 }),
      framing: requestFraming(),
      store,
      budget,
      limits: { ...defaultLimits, quietPeriod: { initial: 5, minimum: 5, midFrame: 50 } },
    }).subscribe();
    const client = peer(theirs);
    client.connection.pause();
    const bytes = Buffer.concat(sent);
    for (let at = 0; at < bytes.length; at += cut) void client.send(bytes.subarray(at, at + cut));
    let most = 0;
    for (let turns = 0; turns < 30; turns++) {
      most = Math.max(most, budget.unsettled() - marks.high);
      await turn();
    }
    subscription.unsubscribe();
    expect(most).toBeLessThanOrEqual(CONNECTION_CREDIT_MAX);
  },
);
