/** The helpers of the cases of the contract suite. */
import { type Observable, Subject, take } from 'rxjs';
import type { Connection, ConnectionFault } from '../connection.ts';
import type { ConnectionError } from '../connection-error.ts';

/** Two connections that are each other's peer. */
export type Pair = readonly [Connection, Connection];

/** What not every kind of connection has. All are true by default. */
export interface ConnectionAbilities {
  /**
   * Whether the peer of a destroyed connection sees a reset; if not, an end, and a fault of what it writes then.
   * Default true.
   */
  readonly resets: boolean;
  /** Whether both ends know each other by the same names; default true. */
  readonly names: boolean;
  /** Whether a side may end and still read; default true. */
  readonly halfClose: boolean;
  /** Whether bytes that arrived before a reset can still be read after it; default true. */
  readonly keepsArrived: boolean;
  /** Whether they can even when a write has met the reset first; default true. */
  readonly keepsAfterWrite: boolean;
}

/** A case: throws when the two, of which nothing was read or written, do not keep the contract. */
export type ConnectionCase = (pair: Pair, abilities: ConnectionAbilities) => Promise<void>;
export type ConnectionCases = Readonly<Record<string, ConnectionCase>>;

/** More than any buffer between the two ends holds, so that a write of it cannot settle unread. */
export const HUGE_BYTES = 32 * 1024 * 1024;

/** The pattern from its beginning, as far as it was asked for. To copy it takes a hundredth of the time to make it. */
let made = new Uint8Array(0);

/** Bytes that differ from their neighbours and from one offset to another, so that no mix-up goes unseen. */
export function pattern(length: number, from = 0): Uint8Array {
  const end = from + length;
  if (end > made.length) {
    const more = new Uint8Array(Math.max(end, 2 * made.length));
    more.set(made);
    for (let at = made.length; at < more.length; at++) more[at] = Math.imul(at, 0x9e3779b1) >>> 24;
    made = more;
  }
  return made.slice(from, end);
}

/** What a reader saw. `done` resolves at the end, with the error or null. */
export interface Reading {
  readonly chunks: Uint8Array[];
  readonly bytes: () => Buffer;
  readonly length: () => number;
  readonly done: Promise<ConnectionError | null>;
  /** Resolves when so many bytes are in. */
  readonly reached: (bytes: number) => Promise<void>;
  readonly stop: () => void;
}

export function read(connection: Connection, onChunk: (chunk: Uint8Array) => void = () => {}): Reading {
  const chunks: Uint8Array[] = [];
  const arrived$ = new Subject<void>();
  let length = 0;
  let stop = () => {};
  const done = new Promise<ConnectionError | null>((resolve) => {
    const subscription = connection.chunks$.subscribe({
      next: (chunk) => {
        chunks.push(chunk);
        length += chunk.length;
        onChunk(chunk);
        arrived$.next();
      },
      complete: () => resolve(null),
      error: resolve,
    });
    stop = () => subscription.unsubscribe();
  });
  return {
    chunks,
    bytes: () => Buffer.concat(chunks),
    length: () => length,
    done,
    stop,
    reached: (bytes) =>
      new Promise((resolve) => {
        if (length >= bytes) resolve();
        else arrived$.subscribe(() => length >= bytes && resolve());
      }),
  };
}

/** Writes and resolves with how the write settled: the fault, or null. */
export function write(connection: Connection, ...chunks: Uint8Array[]): Promise<ConnectionFault | null> {
  return new Promise((resolve) => connection.write(chunks, (fault) => resolve(fault ?? null)));
}

/** Writes again and again until a write fails, and resolves with the fault. */
export async function writeUntilItFails(connection: Connection): Promise<ConnectionFault> {
  for (;;) {
    const fault = await write(connection, pattern(64));
    if (fault !== null) return fault;
  }
}

/** The one value of an Observable. */
export function once<T>(observable: Observable<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    observable.pipe(take(1)).subscribe({ next: resolve, error: reject });
  });
}

/** Lets the event loop go round so often: what is going to happen without further input has then happened. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
