/** The class of every error that this library makes. */

/** What a fault of any area has: data about what went wrong. */
export interface Fault {
  /** The kind of the fault: the one field to tell faults apart by. */
  readonly code: string;
  /** In words. */
  readonly message?: string;
}

/**
 * What promises of this library reject with, and its Observables error with. Each area has a subclass: `ConnectionError`,
 * `ListenError`, `FrameError`, `EncodeError`, `ClientError`, `ContentError`, `CaptureError`, `StateError`. `code` says what
 * went wrong within it.
 *
 * `String(error)` has the class and the message, and `JSON.stringify(error)` never throws.
 *
 * @example
 * try {
 *   await firstValueFrom(connectTcp({ host: '127.0.0.1', port: 8080 }));
 * } catch (error) {
 *   if (!(error instanceof SluiceError)) throw error; // a mistake in the program
 *   console.error(`${error.code}: ${error.message}`); // refused: cannot connect to 127.0.0.1:8080: nobody …
 * }
 */
export class SluiceError extends Error {
  /** The fault's own code. */
  readonly code: string;
  /** The fault as plain data, as the streams of this library emit it. */
  readonly fault: Fault;

  /** @param options `cause` is the error that led to this one; `message` stands in the place of the fault's own. */
  constructor(fault: Fault, options: { readonly cause?: unknown; readonly message?: string } = {}) {
    const { cause, message = fault.message } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = fault.code;
    this.fault = fault;
  }

  // An accessor of the class: the stack begins with the name that the class has while `Error` makes it.
  /** The class of the error, also where a bundler has renamed it: `ConnectionError`, say. */
  override get name(): string {
    return 'SluiceError';
  }

  /** The error as JSON has it: with the message, and without what JSON cannot hold. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, code, message, fault, cause } = this;
    const about = { name, code, message, fault: jsonOf(fault) };
    return cause === undefined ? about : { ...about, cause: jsonOf(cause) };
  }
}

/** Levels of a value that JSON gets: a `cause` may have any depth, and circles. */
const JSON_DEPTH_MAX = 6;

function jsonOf(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === JSON_DEPTH_MAX) return '…';
  if (value instanceof Error) {
    const { name, message, cause } = value;
    const code = 'code' in value ? { code: jsonOf(value.code, depth + 1) } : {};
    return { name, ...code, message, ...(cause === undefined ? {} : { cause: jsonOf(cause, depth + 1) }) };
  }
  if (Array.isArray(value)) return value.map((each) => jsonOf(each, depth + 1));
  // A socket, say: what is in it says nothing, and is large.
  if (![Object.prototype, null].includes(Object.getPrototypeOf(value))) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonOf(each, depth + 1)]));
}

/**
 * The reason why a call makes no sense at its time:
 *
 * - `has-subscriber`: an Observable that is for one subscriber has one, or has had one.
 * - `replaced`: another codec is in use.
 * - `detached`: the connection is no longer read here.
 * - `unread-messages`: messages wait that must be taken first.
 * - `unread-bytes`: bytes have come that nothing may skip.
 * - `request-pending`: a request waits for its reply.
 * - `key-in-use`: a request with the same key waits, or its reply may still come.
 * - `closed`: what is waited for was closed before.
 * - `not-completed`: a pipeline in virtual time waits for something that never comes.
 */
export type StateFaultCode =
  | 'has-subscriber'
  | 'replaced'
  | 'detached'
  | 'unread-messages'
  | 'unread-bytes'
  | 'request-pending'
  | 'key-in-use'
  | 'closed'
  | 'not-completed';

/** The data of a `StateError`. */
export interface StateFault {
  /** Which order is wrong: see `StateFaultCode`. */
  readonly code: StateFaultCode;
  /** A sentence that says what must come first. */
  readonly message: string;
}

/**
 * A call came at a time at which it makes no sense: the order of the calls is wrong. Its message says what comes first.
 *
 * @example
 * try {
 *   chat.detach();
 * } catch (error) {
 *   if (!(error instanceof StateError)) throw error;
 *   console.error(`${error.code}: ${error.message}`); // unread-bytes: the peer sent more before its answer, say
 * }
 */
export class StateError extends SluiceError {
  declare readonly code: StateFaultCode;
  declare readonly fault: StateFault;

  constructor(code: StateFaultCode, message: string) {
    super({ code, message });
  }

  override get name(): 'StateError' {
    return 'StateError';
  }
}

/** What was thrown, in words: nothing says that it is an Error. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
