/**
 * Carries out the effects of a session: the only place where its decisions meet a store.
 *
 * What an effect gives is an Observable of its results, which the actor makes events of the session. Every failure is a
 * result. Nothing here throws, and no Observable errors.
 */
import { Observable, type Subscriber } from 'rxjs';
import type { SlotHolder } from '../../actor/bounds/slots.ts';
import type { Flow } from '../../actor/flow.ts';
import type { MaybeAsync, Outcome, Source, Store, UploadOffset } from '../../store/contract.ts';
import { serviceFault } from '../protocol/errors.ts';
import type { CommandEffect, Effect, Report } from '../session/effect.ts';
import type { EffectResult, EffectResultOf, HelloResult } from '../session/event.ts';
import { callStore } from './call-store.ts';
import { chargePage } from './list-credit.ts';
import { createPutTask, type PutTask } from './put-task.ts';
import { sendFile } from './send-task.ts';

/** The handlers of the `custom` effects of your own commands, by the name in `call`. */
export type CustomHandlers = Readonly<
  Record<string, (argument: unknown, store: Store) => MaybeAsync<unknown>>
>;

export interface PerformerDeps {
  readonly store: Store;
  readonly flow: Flow;
  /** The slots for files: one for each file that is open to be sent, and one for each file that is being stored. */
  readonly files: { readonly reading: SlotHolder; readonly writing: SlotHolder };
  readonly customHandlers: CustomHandlers;
  /** Finds the principal that has a token, and the fields that the server says of itself. */
  readonly hello: (token: string) => MaybeAsync<HelloResult>;
  /**
   * Calls back at the end of this turn of the event loop, when all that could be received at once has been received.
   */
  readonly atTurnEnd: (work: () => void) => void;
  readonly report: (request: number, report: Report) => void;
  /** Called with any exception that the store or a command of your own throws: that is a bug in it. */
  readonly onInternalError: (thrown: unknown) => void;
}

/** The effects that a store is needed for. */
export type StoreEffect = Extract<Effect, { type: 'command' | 'send' | 'drop' | 'closeFile' }>;

/** The results of an effect, or undefined when it has none and nothing is under way for it. */
type Results = Observable<EffectResult> | undefined;

/** A file that is open, and the function that gives its slot back. */
interface OpenFile {
  readonly source: Source;
  readonly release: () => void;
}

/** A file that is open to be sent; `closed` ends the effect that opened it. */
interface OpenSource extends OpenFile {
  readonly closed: () => void;
}

/** What is waited for in a request: it can be dropped. */
interface Pending {
  readonly drop: () => void;
}

/** Carries out the effects of one connection. */
export function createPerformer(deps: PerformerDeps): (effect: StoreEffect) => Results {
  const { store, flow, files, customHandlers, onInternalError } = deps;
  // Each map holds at most one entry for each open request.
  const puts = new Map<number, PutTask>();
  const sources = new Map<number, OpenSource>();
  /** The requests that wait for an answer of the store. */
  const pending = new Map<number, Pending>();
  const sending = new Set<number>();
  /** The put that was written to in this turn: only one body is received at a time. */
  let unflushed: PutTask | null = null;

  /**
   * What a request waits for. When the request is dropped it has no result, and neither when the connection is given up.
   *
   * @param begin begins the work, and returns what withdraws it.
   */
  function waitFor(
    request: number,
    begin: (give: (result: EffectResult) => void) => () => void,
  ): Observable<EffectResult> {
    return new Observable((subscriber) => {
      let isOver = false;
      let withdraw = () => {};
      const end = (): boolean => {
        if (isOver) return false;
        isOver = true;
        pending.delete(request);
        return true;
      };
      const drop = () => {
        if (!end()) return;
        withdraw();
        subscriber.complete();
      };
      // Before it begins, since it may be over at once.
      pending.set(request, { drop });
      withdraw = begin((result) => {
        if (end()) give(subscriber, result);
      });
      return drop;
    });
  }

  /** Asks the store a question, and turns the answer into a result. */
  const askStore = <T>(request: number, of: EffectResultOf, question: () => MaybeAsync<T>): Results =>
    waitFor(request, (result) => {
      callStore(question, onInternalError, (outcome) => result(resultOf(of, outcome)));
      return () => {};
    });

  /**
   * A page of names is far longer than its request. So the next page waits until the peer's system has the last one.
   * The folder may be larger still: the store reads no further when the request is dropped.
   */
  const list = (request: number, effect: Extract<CommandEffect, { type: 'list' }>): Results =>
    waitFor(request, (result) => {
      const controller = new AbortController();
      const unwanted = flow.whenLow(() => {
        const { names, credit } = chargePage(flow, effect.limit);
        const { signal } = controller;
        callStore(
          () => store.list({ ...effect, limit: names, signal }),
          onInternalError,
          (outcome) => {
            result(resultOf('list', outcome));
            flow.credit(credit);
          },
        );
      });
      return () => {
        unwanted();
        controller.abort();
      };
    });

  /** Opens a file to be sent. The effect lasts as long as the file is open, so that it is closed whatever happens. */
  const openFile = (request: number, name: string): Results =>
    new Observable((subscriber) => {
      let isWanted = true;
      let withdraw = () => {};
      const opened = (outcome: Outcome<Source>, release: () => void) => {
        pending.delete(request);
        if (!outcome.ok) {
          release();
          give(subscriber, resultOf('open', outcome));
        } else if (!isWanted) close({ source: outcome.value, release });
        else {
          sources.set(request, { source: outcome.value, release, closed: () => subscriber.complete() });
          subscriber.next(resultOf('open', outcome));
        }
      };
      const drop = () => {
        isWanted = false;
        pending.delete(request);
        withdraw();
        subscriber.complete();
      };
      // Before a slot is asked for, since it may be there at once.
      pending.set(request, { drop });
      let isGranted = false;
      const unwanted = files.reading.acquire((release) => {
        isGranted = true;
        withdraw = () => {};
        callStore(
          () => store.open(name),
          onInternalError,
          (outcome) => opened(outcome, release),
        );
      });
      if (!isGranted) withdraw = unwanted;
      return () => {
        if (pending.get(request)?.drop === drop) drop();
        closeFile(request);
      };
    });

  /**
   * Begins a put. The puts of one connection begin in their order, and the bodies that come meanwhile wait with them.
   * Without a connection, one whose body is not whole is aborted.
   */
  const openPut = (request: number, effect: Extract<CommandEffect, { type: 'openPut' }>): Results =>
    new Observable((subscriber) => {
      let isOver = false;
      let releaseSlot = () => {};
      const finished = (result: EffectResult | null) => {
        isOver = true;
        puts.delete(request);
        releaseSlot();
        if (result === null) subscriber.complete();
        else give(subscriber, result);
      };
      const synced = (value: UploadOffset) => subscriber.next({ of: 'sync', ok: true, value });
      const acquireFile = (go: () => void) =>
        files.writing.acquire((release) => {
          releaseSlot = release;
          go();
        });
      const task = createPutTask(
        { store, acquireFile, onInternalError, synced, finished },
        effect.name,
        effect,
      );
      // A store that refuses at once has ended the task already.
      if (!isOver) puts.set(request, task);
      return () => {
        if (!isOver) task.abandon();
      };
    });

  const write = (request: number, bytes: Uint8Array): Results => {
    const task = puts.get(request);
    if (task === undefined) return undefined;
    return new Observable((subscriber) => {
      task.write(bytes, () => subscriber.complete());
      scheduleFlush(task);
    });
  };

  /**
   * Drops a request that nobody waits for any more. A file that is being sent ends by itself, since nothing can be
   * sent.
   */
  function drop(request: number): void {
    pending.get(request)?.drop();
    closeFile(request);
  }

  /** Flushes the put at the end of this turn, so that its last bytes are not left in the queue when no more come. */
  function scheduleFlush(task: PutTask): void {
    if (unflushed === task) return;
    unflushed?.flush();
    if (unflushed === null) deps.atTurnEnd(flush);
    unflushed = task;
  }

  function flush(): void {
    unflushed?.flush();
    unflushed = null;
  }

  function send({ request, offset, length }: Extract<Effect, { type: 'send' }>): Results {
    const opened = sources.get(request);
    if (opened === undefined) return undefined;
    return new Observable((subscriber) => {
      sending.add(request);
      sendFile({ flow, onInternalError }, opened.source, offset, length, ({ bytes, failed }) => {
        sending.delete(request);
        closeFile(request);
        const isShort = failed === 'read';
        give(
          subscriber,
          isShort
            ? {
                of: 'send',
                ok: false,
                error: serviceFault('internal', `the file ended after ${bytes} bytes`),
              }
            : { of: 'send', ok: true, value: bytes },
        );
      });
    });
  }

  function closeFile(request: number): void {
    const opened = sources.get(request);
    if (opened === undefined || sending.has(request)) return;
    sources.delete(request);
    close(opened);
    opened.closed();
  }

  function close({ source, release }: OpenFile): void {
    const closing = async () => ({ ok: true, value: await source.close() }) as const;
    callStore(closing, onInternalError, release);
  }

  function callHandler(request: number, name: string, argument: unknown): Results {
    const handler = Object.hasOwn(customHandlers, name) ? customHandlers[name] : undefined;
    return askStore(request, 'custom', () => {
      if (handler === undefined) throw new Error(`no handler is registered for the call '${name}'`);
      return handler(argument, store);
    });
  }

  // Several effects come with each small file. A `switch` costs a hundredth of a pattern match, and that is
  // measurable here.
  function performCommand(request: number, effect: CommandEffect): Results {
    switch (effect.type) {
      case 'openPut':
        return openPut(request, effect);
      case 'write':
        return write(request, effect.bytes);
      case 'sync':
        puts.get(request)?.sync();
        return undefined;
      case 'commit':
        puts.get(request)?.commit();
        return undefined;
      case 'abort':
        puts.get(request)?.abort();
        return undefined;
      case 'resume':
        return askStore(request, 'resume', () => store.resume(effect.upload));
      case 'cancel':
        return askStore(request, 'cancel', () => store.cancel(effect.upload));
      case 'hello':
        return askStore(request, 'hello', () => deps.hello(effect.token!));
      case 'open':
        return openFile(request, effect.name);
      case 'stat':
        return askStore(request, 'stat', () => store.stat(effect.name));
      case 'list':
        return list(request, effect);
      case 'remove':
        return askStore(request, 'remove', () => store.remove(effect.name));
      case 'rename':
        return askStore(request, 'rename', () =>
          store.rename(effect.name, effect.to, { ifAbsent: effect.ifAbsent }),
        );
      case 'custom':
        return callHandler(request, effect.call, effect.with);
      case 'report':
        deps.report(request, effect.report);
        return undefined;
    }
  }

  return (effect) => {
    switch (effect.type) {
      case 'command':
        return performCommand(effect.request, effect.effect);
      case 'send':
        return send(effect);
      case 'drop':
        drop(effect.request);
        return undefined;
      case 'closeFile':
        closeFile(effect.request);
        return undefined;
    }
  };
}

const resultOf = <T>(of: EffectResultOf, outcome: Outcome<T>): EffectResult =>
  (outcome.ok
    ? { of, ok: true, value: outcome.value }
    : { of, ok: false, error: outcome.error }) as EffectResult;

/** The one result of an effect. */
function give(subscriber: Subscriber<EffectResult>, result: EffectResult): void {
  subscriber.next(result);
  subscriber.complete();
}
