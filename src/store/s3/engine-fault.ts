/**
 * What goes wrong with an engine, and how the caller is told: as an error of the catalogue that names the engine.
 *
 * An `EngineFault` is thrown within the store, and never leaves it: every call of the store turns it into an outcome.
 */
import type { ErrorCode } from '../../files/protocol/errors.ts';
import type { Outcome } from '../contract.ts';
import { err, type RefusedOutcome } from '../outcome.ts';

export type Engine = 'postgresql' | 's3';

const ENGINE_WORDS: Readonly<Record<Engine, string>> = { postgresql: 'PostgreSQL', s3: 'the S3 store' };

export class EngineFault extends Error {
  readonly engine: Engine;
  readonly code: ErrorCode;
  /** The engine's own word: a code of S3, an SQLSTATE, an errno. */
  readonly word: string | undefined;
  /** Whether the same call may succeed if it is made again soon. */
  readonly isPassing: boolean;

  constructor(
    engine: Engine,
    why: string,
    facts: { code?: ErrorCode; word?: string | undefined; isPassing?: boolean } = {},
  ) {
    super(`${ENGINE_WORDS[engine]} ${why}`);
    this.name = 'EngineFault';
    this.engine = engine;
    this.code = facts.code ?? 'unavailable';
    this.word = facts.word;
    this.isPassing = facts.isPassing ?? false;
  }

  get refusal(): RefusedOutcome {
    const { engine, word, message } = this;
    return err(this.code, message, { engine, ...(word === undefined ? {} : { cause: word }) });
  }
}

/** The outcome of a call, or the error of the engine that failed. Everything else that is thrown is a bug. */
export async function answerOf<T>(call: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await call();
  } catch (thrown) {
    if (thrown instanceof EngineFault) return thrown.refusal;
    throw thrown;
  }
}
