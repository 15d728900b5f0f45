/**
 * Effects, carried out: the only place where what a session decided meets the store and the connection.
 *
 * Whatever fails becomes a result, which is an event of the session; nothing here throws.
 */
import { match } from 'ts-pattern';
import { type ErrorInfo, errorInfo } from '../protocol/errors.ts';
import { isRefusal } from '../protocol/reply.ts';
import type { Effect, Report } from '../session/effect.ts';
import type { Result, ResultOf } from '../session/event.ts';
import type { Answer, Source, Store } from '../store/contract.ts';
import type { Connection } from '../transport/connection.ts';
import { encodeJsonHeader } from '../wire/json-header.ts';
import type { Window } from './credit.ts';
import type { Outbox } from './outbox.ts';
import { type PutTask, putTask } from './put-task.ts';
import { sendTask } from './send-task.ts';
import { settle } from './settle.ts';

/** Performs the `call` effects of commands of your own, by the name in `call`. */
export type Calls = Readonly<Record<string, (argument: unknown, store: Store) => Answer<unknown>>>;

export interface PerformWorld {
  readonly store: Store;
  readonly connection: Connection;
  readonly window: Window;
  readonly outbox: Outbox;
  readonly calls: Calls;
  readonly result: (request: number, result: Result) => void;
  readonly report: (report: Report) => void;
  /** Something threw that should not have: a bug, in the store or in a command of your own. */
  readonly bug: (thrown: unknown) => void;
}

export interface Performer {
  readonly perform: (effect: Effect) => void;
  /** How many effects are under way. */
  readonly underWay: () => number;
}

export function createPerformer(world: PerformWorld): Performer {
  const { store, connection, window, outbox, calls, report, bug } = world;
  // Both hold an entry for each open request at the most.
  const puts = new Map<number, PutTask>();
  const sources = new Map<number, Source>();
  const sending = new Set<number>();
  let underWay = 0;

  /** Asks the store, and turns what it answers into a result. */
  function ask<T>(request: number, of: ResultOf, question: () => Answer<T>, keep?: (value: T) => void): void {
    underWay++;
    settle(question, bug, (outcome) => {
      underWay--;
      if (outcome.ok) keep?.(outcome.value);
      const result = outcome.ok
        ? { of, ok: true, value: outcome.value }
        : { of, ok: false, error: outcome.error };
      world.result(request, result as Result);
    });
  }

  function begin({ request, name, ...options }: Extract<Effect, { type: 'begin' }>): void {
    underWay++;
    const over = () => {
      underWay--;
      puts.delete(request);
    };
    const result = (outcome: Result) => world.result(request, outcome);
    // Its own `over` may come before it is here, when the store refuses at once.
    const before = underWay;
    const task = putTask({ store, give: window.give, bug, result, over }, name, options);
    if (underWay === before) puts.set(request, task);
  }

  function reply({ reply, eager, credit }: Extract<Effect, { type: 'reply' }>): void {
    const encoded = encodeJsonHeader({ ...reply }, maxReplyHeader);
    const fallback = (error: ErrorInfo) =>
      encodeJsonHeader({ error, ...(isRefusal(reply) ? {} : { cmd: reply.ack }) });
    const sent = encoded.ok ? encoded : fallback(errorInfo('internal', encoded.fault.message));
    if (sent.ok) outbox.push(sent.bytes, eager, () => window.give(credit));
    else window.give(credit);
  }

  function send({ request, offset, length }: Extract<Effect, { type: 'send' }>): void {
    const source = sources.get(request);
    if (source === undefined) return;
    underWay++;
    sending.add(request);
    const write = (bytes: Uint8Array, settled: () => void) => {
      outbox.push(bytes, true, settled);
      outbox.flush();
    };
    sendTask({ write, bug }, source, offset, length, (sent) => {
      underWay--;
      sending.delete(request);
      shut(request);
      // The ack has promised so many bytes; without them the peer cannot find the next frame.
      if (sent < length) connection.destroy();
      world.result(request, { of: 'send', ok: true, value: sent });
    });
  }

  function shut(request: number): void {
    const source = sources.get(request);
    if (source === undefined || sending.has(request)) return;
    sources.delete(request);
    const closing = async () => ({ ok: true, value: await source.close() }) as const;
    settle(closing, bug, () => {});
  }

  function call({ request, call: name, with: argument }: Extract<Effect, { type: 'call' }>): void {
    const handler = Object.hasOwn(calls, name) ? calls[name] : undefined;
    ask(request, 'call', () => {
      if (handler === undefined) throw new Error(`no handler is registered for the call '${name}'`);
      return handler(argument, store);
    });
  }

  function perform(effect: Effect): void {
    // The two that come once a chunk: kept out of the matching below.
    if (effect.type === 'write') {
      const task = puts.get(effect.request);
      if (task === undefined) window.give(effect.credit);
      else task.write(effect.bytes, effect.credit);
      return;
    }
    if (effect.type === 'release') return window.give(effect.credit);
    match(effect)
      .with({ type: 'reply' }, reply)
      .with({ type: 'begin' }, begin)
      .with({ type: 'commit' }, ({ request }) => puts.get(request)?.commit())
      .with({ type: 'report' }, (it) => report(it.report))
      .with({ type: 'abort' }, ({ request }) => puts.get(request)?.abort())
      .with({ type: 'open' }, ({ request, name }) =>
        ask(
          request,
          'open',
          () => store.open(name),
          (source) => sources.set(request, source),
        ),
      )
      .with({ type: 'send' }, send)
      .with({ type: 'shut' }, ({ request }) => shut(request))
      .with({ type: 'stat' }, ({ request, name }) => ask(request, 'stat', () => store.stat(name)))
      .with({ type: 'list' }, ({ request, type: _, ...options }) =>
        ask(request, 'list', () => store.list(options)),
      )
      .with({ type: 'remove' }, ({ request, name }) => ask(request, 'remove', () => store.remove(name)))
      .with({ type: 'rename' }, ({ request, name, to, ifAbsent }) =>
        ask(request, 'rename', () => store.rename(name, to, { ifAbsent })),
      )
      .with({ type: 'call' }, call)
      .with({ type: 'end' }, () => outbox.end())
      .exhaustive();
  }

  return { perform, underWay: () => underWay };
}

/** Bytes of JSON in a reply: a page of names fits, and so does an error. */
const maxReplyHeader = 65_536;
