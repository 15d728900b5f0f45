/**
 * Carries out effects: the only place where the decisions of a session meet the store and the connection.
 *
 * Every failure becomes a result, which is an event of the session. Nothing here throws.
 */
import { type ServiceFault, serviceFault } from '../files/protocol/errors.ts';
import { isRefusal } from '../files/protocol/reply.ts';
import type { CommandEffect, Effect, Report } from '../files/session/effect.ts';
import type { EffectResult, EffectResultOf, HelloResult } from '../files/session/event.ts';
import type { MaybeAsync, Outcome, Source, Store, UploadOffset } from '../store/contract.ts';
import type { Connection, ConnectionFault } from '../transport/connection.ts';
import { encodeJsonHeader, type JsonHeader } from '../wire/json-header.ts';
import { callStore } from './call-store.ts';
import type { CreditWindow } from './credit.ts';
import { chargePage } from './list-credit.ts';
import { createPutTask, type PutTask } from './put-task.ts';
import type { ReplyWriter } from './reply-writer.ts';
import { sendFile } from './send-task.ts';
import type { SlotHolder } from './slots.ts';

/** The handlers of the `custom` effects of your own commands, by the name in `call`. */
export type CustomHandlers = Readonly<
  Record<string, (argument: unknown, store: Store) => MaybeAsync<unknown>>
>;

export interface EffectExecutorDeps {
  readonly store: Store;
  readonly connection: Connection;
  readonly window: CreditWindow;
  readonly replyWriter: ReplyWriter;
  /** The slots for files: one for each file that is open to be sent, and one for each file that is being stored. */
  readonly files: { readonly reading: SlotHolder; readonly writing: SlotHolder };
  readonly customHandlers: CustomHandlers;
  /** Finds the principal that has a token, and the fields that the server says of itself. */
  readonly hello: (token: string | undefined) => MaybeAsync<HelloResult>;
  /** Called with each result. `credit`, if any, was taken for the content of the result. */
  readonly result: (request: number, result: EffectResult, credit?: number) => void;
  /** Calls back when it is this connection's turn among all connections. */
  readonly inTurn: (work: () => void) => void;
  /**
   * Calls back at the end of this turn of the event loop, when all that could be received at once has been received.
   */
  readonly atTurnEnd: (work: () => void) => void;
  /** Called when an effect that has no result is over. */
  readonly idle: () => void;
  readonly report: (request: number, report: Report) => void;
  /** Called with any exception that the store or a command of your own throws: that is a bug in it. */
  readonly onInternalError: (thrown: unknown) => void;
}

/** A file that is open to be sent, and the function that gives its slot back. */
interface OpenSource {
  readonly source: Source;
  readonly release: () => void;
}

/** Further options of a question to the store. */
interface AskOptions<T> {
  /** Called with the answer, and with whether the request was dropped meanwhile. */
  readonly answered?: (outcome: Outcome<T>, dropped: boolean) => void;
  /** Called when the request is dropped. */
  readonly dropped?: () => void;
  /** The credit that was taken for the answer. */
  readonly credit?: number;
}

export interface EffectExecutor {
  readonly perform: (effect: Effect) => void;
  /** The number of effects that are under way. */
  readonly underWay: () => number;
}

export function createEffectExecutor(deps: EffectExecutorDeps): EffectExecutor {
  const { store, connection, window, replyWriter, files, customHandlers, report, onInternalError } = deps;
  // Each map holds at most one entry for each open request.
  const puts = new Map<number, PutTask>();
  const sources = new Map<number, OpenSource>();
  /** The requests that wait for an answer of the store, and the functions that drop them. */
  const pendingAsks = new Map<number, () => void>();
  const sending = new Set<number>();
  /** The put that was written to in this turn: only one body is received at a time. */
  let unflushed: PutTask | null = null;
  let underWay = 0;

  /** Asks the store a question, and turns the answer into a result. When the request is dropped there is no result. */
  function askStore<T>(
    request: number,
    of: EffectResultOf,
    question: () => MaybeAsync<T>,
    more: AskOptions<T> = {},
  ): void {
    const { credit = 0 } = more;
    underWay++;
    let dropped = false;
    pendingAsks.set(request, () => {
      dropped = true;
      underWay--;
      more.dropped?.();
    });
    callStore(question, onInternalError, (outcome) => {
      more.answered?.(outcome, dropped);
      if (dropped) return credit > 0 ? creditBack(credit) : undefined;
      underWay--;
      pendingAsks.delete(request);
      const result = outcome.ok
        ? { of, ok: true, value: outcome.value }
        : { of, ok: false, error: outcome.error };
      deps.result(request, result as EffectResult, credit);
    });
  }

  /**
   * A page of names is far longer than its request. So the next page waits until the peer's system has the last one.
   * The folder may be larger still: the store reads no further when the request is dropped.
   */
  function list(request: number, effect: Extract<CommandEffect, { type: 'list' }>): void {
    underWay++;
    pendingAsks.set(request, () => {
      underWay--;
      unwanted();
    });
    const unwanted = replyWriter.whenLow(() => {
      underWay--;
      const { names, credit } = chargePage(window, effect.limit);
      const controller = new AbortController();
      const { signal } = controller;
      const question = () => store.list({ ...effect, limit: names, signal });
      askStore(request, 'list', question, { credit, dropped: () => controller.abort() });
    });
  }

  function openFile(request: number, name: string): void {
    underWay++;
    // Before the slot is asked for, since `acquire` may call back at once.
    pendingAsks.set(request, () => {
      underWay--;
      unwanted();
    });
    const unwanted = files.reading.acquire((release) => {
      underWay--;
      askStore(request, 'open', () => store.open(name), {
        answered: (outcome, dropped) => {
          if (!outcome.ok) return release();
          const opened = { source: outcome.value, release };
          if (dropped) close(opened);
          else sources.set(request, opened);
        },
      });
    });
  }

  /**
   * Begins a put. The puts of one connection begin in their order, and the bodies that come meanwhile wait with them.
   */
  function openPut(request: number, effect: Extract<CommandEffect, { type: 'openPut' }>): void {
    underWay++;
    let ended = false;
    let releaseSlot = () => {};
    const finish = (result: EffectResult | null) => {
      ended = true;
      puts.delete(request);
      // The put counts as under way until its result is there. The next holder of the slot may finish at once, and
      // with it the whole connection.
      releaseSlot();
      underWay--;
      if (result === null) deps.idle();
      else deps.result(request, result);
    };
    const onSynced = (value: UploadOffset) => deps.result(request, { of: 'sync', ok: true, value });
    const acquireFile = (go: () => void) =>
      files.writing.acquire((release) => {
        releaseSlot = release;
        go();
      });
    const task = createPutTask(
      { store, acquireFile, creditBack, recycle, onInternalError, synced: onSynced, finished: finish },
      effect.name,
      effect,
    );
    // A store that refuses at once has ended the task already.
    if (!ended) puts.set(request, task);
  }

  /**
   * Drops a request that nobody waits for any more. A file that is being sent ends by itself, since nothing can be
   * sent.
   */
  function drop(request: number): void {
    pendingAsks.get(request)?.();
    pendingAsks.delete(request);
    closeFile(request);
    deps.idle();
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

  /**
   * Gives credit back. A write has no result. But when it was the last thing that could end a pause, replies must not
   * wait.
   */
  function creditBack(credit: number): void {
    window.credit(credit);
    if (window.paused()) deps.idle();
  }

  function recycle(bytes: Uint8Array): void {
    connection.recycle?.(bytes, bytes.length);
  }

  function reply({ reply, eager, credit }: Extract<Effect, { type: 'reply' }>): void {
    const encoded = encodeJsonHeader(reply as unknown as JsonHeader, REPLY_HEADER_BYTES_MAX);
    const fallback = (error: ServiceFault) =>
      encodeJsonHeader({ error, ...(isRefusal(reply) ? {} : { cmd: reply.ack }) });
    const sent = encoded.ok ? encoded : fallback(serviceFault('internal', encoded.fault.message));
    if (sent.ok) replyWriter.reply(sent.bytes, eager);
    // Only the bytes of the reply are left of the request, and the reply writer has charged credit for them.
    window.credit(credit);
  }

  function send({ request, offset, length }: Extract<Effect, { type: 'send' }>): void {
    const opened = sources.get(request);
    if (opened === undefined) return;
    underWay++;
    sending.add(request);
    const write = (bytes: Uint8Array, settled: (fault?: ConnectionFault) => void) => {
      replyWriter.body(bytes, settled);
      replyWriter.flush();
    };
    sendFile(
      { window, inTurn: deps.inTurn, write, onInternalError },
      opened.source,
      offset,
      length,
      ({ bytes, failed }) => {
        underWay--;
        sending.delete(request);
        closeFile(request);
        // The ack has promised so many bytes. Without them the peer cannot find the next frame. Where nothing can be
        // written, no peer looks for that frame, but the server still reads what the peer has sent.
        if (failed === 'read') connection.destroy();
        deps.result(request, { of: 'send', ok: true, value: bytes });
      },
    );
  }

  function closeFile(request: number): void {
    const opened = sources.get(request);
    if (opened === undefined || sending.has(request)) return;
    sources.delete(request);
    close(opened);
  }

  function close({ source, release }: OpenSource): void {
    const closing = async () => ({ ok: true, value: await source.close() }) as const;
    callStore(closing, onInternalError, release);
  }

  function callHandler(request: number, name: string, argument: unknown): void {
    const handler = Object.hasOwn(customHandlers, name) ? customHandlers[name] : undefined;
    askStore(request, 'custom', () => {
      if (handler === undefined) throw new Error(`no handler is registered for the call '${name}'`);
      return handler(argument, store);
    });
  }

  // Several effects come with each small file. A `switch` costs a hundredth of a pattern match, and that is
  // measurable here.
  function performCommand(request: number, effect: CommandEffect): void {
    switch (effect.type) {
      case 'openPut':
        return openPut(request, effect);
      case 'write': {
        const task = puts.get(request);
        if (task === undefined) {
          recycle(effect.bytes);
          return window.credit(effect.credit);
        }
        task.write(effect.bytes, effect.credit);
        return scheduleFlush(task);
      }
      case 'sync':
        return puts.get(request)?.sync();
      case 'commit':
        return puts.get(request)?.commit();
      case 'abort':
        return puts.get(request)?.abort();
      case 'resume':
        return askStore(request, 'resume', () => store.resume(effect.upload));
      case 'cancel':
        return askStore(request, 'cancel', () => store.cancel(effect.upload));
      case 'hello':
        return askStore(request, 'hello', () => deps.hello(effect.token));
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
        return report(request, effect.report);
    }
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case 'command':
        return performCommand(effect.request, effect.effect);
      case 'reply':
        return reply(effect);
      case 'release':
        // A body that is skipped comes as fast as one that is stored, and its memory must be recycled as well.
        if (effect.bytes !== undefined) recycle(effect.bytes);
        return window.credit(effect.credit);
      case 'send':
        return send(effect);
      case 'drop':
        return drop(effect.request);
      case 'closeFile':
        return closeFile(effect.request);
      case 'internal-error':
        return onInternalError(effect.thrown);
      case 'end':
        return replyWriter.end();
    }
  }

  return { perform, underWay: () => underWay };
}

/** The most bytes of JSON in a reply: enough for a page of names, and for an error. */
const REPLY_HEADER_BYTES_MAX = 65_536;
