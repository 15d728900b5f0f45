/** What one connection holds, whatever it sends, while others hold all memory that there is. */
import { fc, test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type Budget, CREDIT_FLOOR_BYTES, createBudget } from '../../../src/actor/bounds/credit.ts';
import { SHORT_STEP_COST_MAX } from '../../../src/actor/run/slices.ts';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { RECEIVED_CREDIT_MAX } from '../../../src/server/bounds.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore, Sink } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { frame, peer, putFrame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';

const shortest = (count: number) => Buffer.concat(Array.from({ length: count }, () => frame({})));
const nested = (count: number) => frame({ cmd: 'ping', x: Array.from({ length: count }, () => []) });

const short = fc.oneof(
  fc.nat({ max: 1000 }).map(shortest),
  fc.nat({ max: 300_000 }).map((size) => putFrame('a', new Uint8Array(size))),
  fc.nat({ max: 30 }).map((size) => frame({ cmd: 'ping', id: 'i'.repeat(size) })),
);
const long = fc.oneof(
  fc.nat({ max: 20_000 }).map(nested),
  fc.nat({ max: 50_000 }).map((size) => frame({ cmd: 'ping', pad: 'x'.repeat(size) })),
);

/** A store that never takes what is written to it. */
function stuck(): FileStore {
  const store: FileStore = memoryStore();
  const put: FileStore['put'] = async (name, options) => {
    const opened = await store.put(name, options);
    if (!opened.ok) return opened;
    const sink: Sink = opened.value;
    const write: Sink['write'] = async (chunks) => {
      await new Promise(() => {});
      return sink.write(chunks);
    };
    return { ok: true, value: { ...sink, write, commit: () => sink.commit(), abort: () => sink.abort() } };
  };
  return { ...store, put };
}

/** What the header of an ordinary request costs, as an event and in the state. */
const HEADER_COST_MAX = 4 * 1024;
/** What the longest header costs that is parsed and then refused: its fields that nobody uses are gone by then. */
const REFUSED_HEADER_COST_MAX = 2 * 1024;

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The most that a connection held at any time that sends this, while others hold the budget. */
async function mostHeld(bytes: Uint8Array, cut: number): Promise<number> {
  const marks = { high: 1000 * 1024, low: 500 * 1024 };
  const all = createBudget(marks);
  all.window(marks, () => {}).charge(marks.high);
  let most = 0;
  const budget: Budget = {
    ...all,
    window: (...given) => {
      const window = all.window(...given);
      const charge = window.charge.bind(window);
      return Object.assign(window, {
        charge: (bytes: number) => {
          charge(bytes);
          most = Math.max(most, window.unsettled());
        },
      });
    },
  };
  const [theirs, ours] = memoryPair();
  const subscription = serveConnection(ours, {
    session: createSession(commands, { openRequests: 64 }),
    framing: requestFraming(),
    store: stuck(),
    budget,
    limits: { ...defaultLimits, quietPeriod: { initial: 5, minimum: 5, midFrame: 50 } },
  }).subscribe();
  const client = peer(theirs);
  client.connection.pause();
  for (let at = 0; at < bytes.length; at += cut) void client.send(bytes.subarray(at, at + cut));
  for (let turns = 0; turns < 30; turns++) await turn();
  subscription.unsubscribe();
  return most;
}

const cut = fc.integer({ min: 1000, max: 300_000 });

property.prop([fc.array(short, { maxLength: 8 }), cut], { numRuns: cases(60) })(
  'a connection with short headers holds the floor and a piece, while others hold the budget',
  async (frames, at) => {
    const most = await mostHeld(Buffer.concat(frames), at);
    expect(most).toBeLessThanOrEqual(CREDIT_FLOOR_BYTES + SHORT_STEP_COST_MAX + HEADER_COST_MAX);
  },
);

property.prop([fc.array(fc.oneof(short, long), { maxLength: 8 }), cut], { numRuns: cases(60) })(
  'a connection holds no more of what it receives than was added up, and a header that is refused, while others hold the budget',
  async (frames, at) => {
    const most = await mostHeld(Buffer.concat(frames), at);
    expect(most).toBeLessThanOrEqual(RECEIVED_CREDIT_MAX + 2 * REFUSED_HEADER_COST_MAX);
  },
);
