/**
 * Calls between the two sides of a channel: two processes, say. Each side asks, and the other one answers.
 *
 * What is sent in one turn of the event loop goes as one message. Calls arrive in the order in which they were made.
 */
import { StateError } from './sluice-error.ts';

/** The part of an Observable that is needed here. */
interface Messages {
  readonly subscribe: (observer: {
    readonly next: (message: unknown) => void;
    readonly complete: () => void;
  }) => { readonly unsubscribe: () => void };
}

/** A way to another process: what it is sent and sends is what `structuredClone` can copy. */
export interface Channel {
  /** Sends a message. Never throws: what the other side cannot get is dropped, and `messages$` completes soon. */
  readonly send: (message: unknown) => void;
  /** An Observable of what the other side sends, in its order. It completes when that is gone, and never errors. */
  readonly messages$: Messages;
}

/** What a side answers to. What it throws or rejects with, the caller's promise rejects with: the message alone. */
export type CallHandlers = Readonly<Record<string, (argument: never) => unknown>>;

export interface Calls {
  /**
   * Asks, and resolves with the answer. Rejects with a `StateError` (`closed`) when the other side is gone: that alone
   * ends a call to which nothing is answered.
   */
  readonly call: <T>(name: string, argument?: unknown) => Promise<T>;
  /** Asks for no answer. */
  readonly tell: (name: string, argument?: unknown) => void;
  /** Resolves when the other side is gone, or this one has closed. */
  readonly closed: Promise<void>;
  /** Ends what waits for an answer, and answers nothing more. */
  readonly close: () => void;
}

/** A call (`id` 0 where no answer is wanted), or the answer to one. */
type Message =
  | { readonly id: number; readonly name: string; readonly argument: unknown }
  | { readonly to: number; readonly value: unknown }
  | { readonly to: number; readonly thrown: string };

/** @param handlers by the names that the other side calls. A call of another name rejects there. */
export function connectCalls({ send, messages$ }: Channel, handlers: CallHandlers): Calls {
  /** The calls that wait for an answer. Those who wait bound it. */
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let isClosed = false;
  let outbox: Message[] = [];
  let resolveClosed!: () => void;
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve;
  });

  function post(message: Message): void {
    if (isClosed) return;
    outbox.push(message);
    if (outbox.length > 1) return;
    queueMicrotask(() => {
      const messages = outbox;
      outbox = [];
      if (!isClosed) send(messages);
    });
  }

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    subscription.unsubscribe();
    for (const { reject } of waiting.values()) reject(goneError());
    waiting.clear();
    resolveClosed();
  }

  async function answer(id: number, name: string, argument: unknown): Promise<void> {
    try {
      if (!Object.hasOwn(handlers, name)) throw new TypeError(`nothing is called '${name}' here`);
      const value = await handlers[name]!(argument as never);
      if (id !== 0) post({ to: id, value });
    } catch (thrown) {
      if (id === 0) throw thrown;
      post({ to: id, thrown: thrown instanceof Error ? thrown.message : String(thrown) });
    }
  }

  function receive(message: Message): void {
    if ('name' in message) return void answer(message.id, message.name, message.argument);
    const call = waiting.get(message.to);
    waiting.delete(message.to);
    if ('thrown' in message) call?.reject(new Error(message.thrown));
    else call?.resolve(message.value);
  }

  const subscription = messages$.subscribe({
    next: (messages) => {
      for (const message of messages as Message[]) receive(message);
    },
    complete: () => queueMicrotask(close),
  });

  return {
    closed,
    close,
    tell: (name, argument) => post({ id: 0, name, argument }),
    call: <T>(name: string, argument?: unknown) => {
      if (isClosed) return Promise.reject<T>(goneError());
      const id = ++lastId;
      return new Promise<T>((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        post({ id, name, argument });
      });
    },
  };
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const goneError = () => new StateError('closed', 'the other side of the channel is gone');
