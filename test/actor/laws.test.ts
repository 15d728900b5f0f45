/**
 * The laws of an actor, whatever it does, whatever its peer does, and wherever the connection ends: one event at a time;
 * messages in their order; each effect ends once; nothing but results after the end; memory under its bound; and every
 * credit returned.
 */
import { fc, test as property } from '@fast-check/vitest';
import { EMPTY, from, NEVER, takeUntil } from 'rxjs';
import { expect, vi } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import type { Connection } from '../../src/transport/connection.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { served } from '../support/actors/served.ts';
import { cases } from '../support/random/cases.ts';
import { concat, cutAt } from '../wire/stream.ts';

/** How an effect is performed. */
const HOWS = [
  'nothing',
  'now',
  'promise',
  'later',
  'observable',
  'iterable',
  'throws',
  'rejects',
  'untilClosed',
] as const;
type How = (typeof HOWS)[number];
interface Effect {
  readonly type: 'run';
  readonly how: How;
  readonly of: number;
}

/**
 * A message is its number, the size of its answer, and the effects that it asks for: a byte each. What follows makes it
 * longer: messages that are not tiny share memory.
 */
const codec = lengthField({ width: 2, maxLength: 2000 });
const encoded = (number: number, answer: number, hows: readonly How[], more: number): Uint8Array => {
  const asked = [number, answer, hows.length, ...hows.map((how) => HOWS.indexOf(how))];
  return concat(...codec.encode(concat(Uint8Array.from(asked), new Uint8Array(more))));
};

const WINDOW = { high: 32 * 1024, low: 16 * 1024 };

/** An actor that does as its messages say, and writes down what happens to it. */
function scripted(options: { readonly throwsAt: number | null; readonly waits: boolean }) {
  const log: string[] = [];
  const begun: Effect[] = [];
  const ended = new Map<Effect, number>();
  let isReducing = false;
  const end = (effect: Effect): void => void ended.set(effect, (ended.get(effect) ?? 0) + 1);
  const actor = defineActor<{ state: number; effect: Effect; result: Effect; input: number }>()({
    codec,
    initial: () => 0,
    accepts: (waiting, source) => !options.waits || source === 'input' || waiting === 0,
    reduce: (waiting, event) => {
      expect(isReducing).toBe(false);
      isReducing = true;
      try {
        if (event.type === 'message') {
          const [number = 0, answer = 0, count = 0] = event.message;
          const hows = [...event.message.subarray(3, 3 + count)];
          log.push(`message ${number}`);
          if (number === options.throwsAt) throw new Error('a bug');
          const effects = hows.map((how): Effect => ({ type: 'run', how: HOWS[how]!, of: number }));
          const counted = effects.filter(({ how }) => how !== 'nothing' && how !== 'untilClosed').length;
          return {
            state: waiting + counted,
            effects: [...effects, { type: 'send', message: new Uint8Array(answer).fill(number) }],
          };
        }
        log.push(event.type);
        if (event.type === 'result' || event.type === 'failed') {
          const { effect } = event;
          end(effect);
          if (effect.how === 'untilClosed') return { state: waiting };
          return { state: waiting - 1, effects: [{ type: 'send', message: Uint8Array.of(effect.of) }] };
        }
        return { state: waiting };
      } finally {
        isReducing = false;
      }
    },
    perform(effect, { closed$ }) {
      expect(isReducing).toBe(false);
      begun.push(effect);
      switch (effect.how) {
        case 'now':
          return [effect];
        case 'promise':
          return Promise.resolve(effect);
        case 'later':
          return new Promise((resolve) => setTimeout(() => resolve(effect), 2));
        case 'observable':
          return from([effect]);
        case 'iterable':
          return (async function* () {
            yield effect;
          })();
        case 'throws':
          throw new Error('thrown');
        case 'rejects':
          return Promise.reject(new Error('rejected'));
        case 'untilClosed':
          return NEVER.pipe(takeUntil(closed$));
        default:
          return effect.of % 2 === 0 ? undefined : EMPTY;
      }
    },
  });
  return { actor, log, begun, ended };
}

const message = fc.record({
  answer: fc.nat(255),
  hows: fc.array(fc.constantFrom(...HOWS), { maxLength: 3 }),
  more: fc.constantFrom(0, 0, 100, 1500),
});
const ending = fc.constantFrom('end', 'destroy', 'destroyLater', 'stop', 'shutdown');

const untilTrue = (holds: () => boolean) => vi.waitUntil(holds, { interval: 1, timeout: 60_000 });

property.prop(
  [
    fc.array(message, { maxLength: 25 }),
    fc.array(fc.nat(400), { maxLength: 8 }),
    ending,
    fc.record({ throwsAt: fc.option(fc.nat(20), { freq: 5 }), waits: fc.boolean() }),
    fc.record({ reads: fc.boolean(), highWaterMark: fc.constantFrom(0, 64, 65_536), others: fc.nat(5) }),
  ],
  { numRuns: cases(150) },
)('nothing breaks the laws of an actor', async (messages, cuts, how, options, peer) => {
  const { actor, log, begun, ended } = scripted(options);
  const server = served(actor, { limits: { window: WINDOW, grace: 1, linger: 20 } });
  const here: Connection = server.open({ highWaterMark: peer.highWaterMark });
  let most = 0;
  const look = () => {
    most = Math.max(most, server.stats().unsettled);
  };
  const stream = concat(
    ...messages.map((each, number) => encoded(number, each.answer, each.hows, each.more)),
  );
  for (const chunk of cutAt(stream, cuts)) if (chunk.length > 0) here.write([chunk], look);
  // One that does not read must not keep the server from ending, nor from returning what it holds.
  const reading = peer.reads ? here.chunks$.subscribe({ next: look, error: () => {} }) : null;
  if (how === 'end') here.end();
  if (how === 'destroy') here.destroy();
  await new Promise(setImmediate);
  if (how === 'destroyLater') here.destroy();
  if (how === 'shutdown') server.shutDown();
  if (how === 'stop') server.stop();
  const neverEnds = messages.some(({ hows }) => hows.includes('untilClosed'));
  if (!peer.reads || (how === 'end' && neverEnds)) {
    // Whether or not all answers fit in between, a peer that goes away ends it.
    await new Promise(setImmediate);
    here.destroy();
  }
  if (how !== 'stop') await untilTrue(() => server.types().includes('closed'));
  reading?.unsubscribe();
  look();

  expect(server.stats()).toMatchObject({ unsettled: 0, connections: 0 });
  expect(most).toBeLessThan(WINDOW.high + 64 * (256 + 2000));
  // Messages are reduced in their order, each once, from the first.
  const seen = log.filter((each) => each.startsWith('message'));
  expect(seen).toEqual(seen.map((_, i) => `message ${i}`));
  // After the end there are results and nothing else.
  const afterwards = log.slice(log.indexOf('closed') + 1);
  if (log.includes('closed'))
    expect(afterwards.filter((each) => each !== 'result' && each !== 'failed')).toEqual([]);
  for (const count of ended.values()) expect(count).toBe(1);
  if (options.throwsAt === null && how === 'end' && peer.reads && !neverEnds) {
    expect(seen).toHaveLength(messages.length);
    const counted = begun.filter(({ how }) => how !== 'nothing' && how !== 'untilClosed');
    expect(ended.size).toBe(counted.length);
  }
});
