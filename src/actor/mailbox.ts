/**
 * What others send to an actor: bounded for each receiver, with a rule for one that does not keep up.
 *
 * ```text
 *  post              when                               then
 *  the mailbox has room                                 the input waits; its promise settles when the actor takes it
 *  it is full, and `whenFull` is `dropOldest`           the oldest input is dropped
 *  it is full, and `whenFull` is `disconnect`           the connection is destroyed, and what waits is dropped;
 *                                                       while its peer reads all it is sent, only at 16 times the limits
 *  the connection is closed                             the input is not taken: `closed`
 * ```
 *
 * An actor takes no input while its peer does not read what was sent before. So a slow reader fills its own mailbox,
 * and costs nobody else memory or time.
 */
import { createFifo } from '../base/fifo.ts';
import { memoryOf } from '../base/memory-of.ts';

/** What became of an input: the actor has it (`taken`); it was dropped for newer ones; or the connection is closed. */
export type Posted = 'taken' | 'dropped' | 'closed';

/**
 * Where a connection's actor takes inputs from others: another connection, a timer, anything in the program. The actor
 * gets it as `PerformContext.self`, and its performer hands it out.
 *
 * @typeParam I what may be sent.
 */
export interface Mailbox<I> {
  /**
   * Sends an input to the actor of a connection. It never throws, and need not be awaited. Who awaits it goes on when
   * the receiver has the input (`taken`), when it was `dropped` for newer ones, or when the connection is `closed`.
   */
  readonly post: (input: I) => Promise<Posted>;
}

/**
 * How much may wait in the mailbox of one connection, and what happens beyond that: a peer that does not read must not
 * fill the memory.
 */
export interface MailboxLimits {
  /** The most inputs that wait, from 1; default 1,024. */
  readonly inputs: number;
  /** The most bytes of memory, roughly, that wait; default 1 MiB. One input may be larger. */
  readonly bytes: number;
  /** What happens when it is full: default `disconnect`. */
  readonly whenFull: 'disconnect' | 'dropOldest';
}

export const defaultMailbox: MailboxLimits = { inputs: 1024, bytes: 1024 * 1024, whenFull: 'disconnect' };

interface Waiting<I> {
  readonly input: I;
  readonly bytes: number;
  readonly settle: (posted: Posted) => void;
}

/** The receiver's side of a mailbox. */
export interface Inbound<I> {
  readonly mailbox: Mailbox<I>;
  length(): number;
  /** Takes the oldest input. */
  take(): { readonly input: I } | undefined;
  /** Drops what waits, and all that comes. */
  close(): void;
}

const DROPPED = Promise.resolve<Posted>('dropped');
const CLOSED = Promise.resolve<Posted>('closed');

export interface MailboxDeps {
  readonly limits: MailboxLimits;
  /** Called when an input has come. */
  readonly arrived: () => void;
  /** Whether the receiver keeps up with its peer: it takes what waits as soon as it is its turn. */
  readonly keepsUp: () => boolean;
  /** Called when the mailbox is full, and the connection must go. */
  readonly overflowed: () => void;
}

/** The last input that was measured: a broadcast posts the same one to many. */
let lastMeasured: { readonly input: unknown; readonly bytes: number } = { input: undefined, bytes: 0 };

function bytesOfInput(input: unknown): number {
  if (lastMeasured.input === input) return lastMeasured.bytes;
  lastMeasured = { input, bytes: measured(input) };
  return lastMeasured.bytes;
}

/** What cannot be looked at counts as little: `post` never throws. */
function measured(input: unknown): number {
  try {
    return memoryOf(input);
  } catch {
    return UNKNOWN_BYTES;
  }
}

const UNKNOWN_BYTES = 256;

/** How many posts are inside of one another: a receiver may post to the next one, and that one to another. */
let depth = 0;
/** Beyond so many the receiver learns of an input a little later: each takes its part of the stack. */
const DEPTH_MAX = 16;

function announce(arrived: () => void): void {
  if (depth >= DEPTH_MAX) return queueMicrotask(() => announce(arrived));
  depth++;
  try {
    arrived();
  } finally {
    depth--;
  }
}

/**
 * How many times its limits a mailbox may hold while its receiver keeps up with its peer, and only waits for its turn:
 * others may say much in one of theirs.
 */
const TURN_FACTOR = 16;

/** Bounded by its limits: both the number and the bytes of what waits. */
export const createMailbox = <I>(deps: MailboxDeps): Inbound<I> => new ConnectionMailbox<I>(deps);

/** A class, so that thousands of idle connections share its functions. */
class ConnectionMailbox<I> implements Inbound<I> {
  private readonly waiting = createFifo<Waiting<I>>();
  private held = 0;
  private closed = false;
  private readonly deps: MailboxDeps;
  private given: Mailbox<I> | null = null;

  constructor(deps: MailboxDeps) {
    this.deps = deps;
  }

  /** Made when somebody wants it. `post` is given out without it, too. */
  get mailbox(): Mailbox<I> {
    this.given ??= { post: (input) => this.post(input) };
    return this.given;
  }

  length(): number {
    return this.waiting.length;
  }

  take(): { readonly input: I } | undefined {
    const next = this.waiting.shift();
    if (next === undefined) return undefined;
    this.held -= next.bytes;
    next.settle('taken');
    return next;
  }

  close(): void {
    this.closed = true;
    while (this.waiting.length > 0) this.drop('closed');
  }

  private drop(as: Posted): void {
    const oldest = this.waiting.shift();
    if (oldest === undefined) return;
    this.held -= oldest.bytes;
    oldest.settle(as);
  }

  private isFull(bytes: number, factor: number): boolean {
    const { waiting, held } = this;
    const { limits } = this.deps;
    return (
      waiting.length > 0 && (waiting.length >= factor * limits.inputs || held + bytes > factor * limits.bytes)
    );
  }

  private post(input: I): Promise<Posted> {
    if (this.closed) return CLOSED;
    const { limits, keepsUp, overflowed, arrived } = this.deps;
    const bytes = bytesOfInput(input);
    if (limits.whenFull === 'disconnect' && this.isFull(bytes, keepsUp() ? TURN_FACTOR : 1)) {
      overflowed();
      return DROPPED;
    }
    while (limits.whenFull === 'dropOldest' && this.isFull(bytes, 1)) this.drop('dropped');
    this.held += bytes;
    return new Promise((settle) => {
      this.waiting.push({ input, bytes, settle });
      announce(arrived);
    });
  }
}
