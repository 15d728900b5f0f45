/** Back-pressure for a pipeline of one's own, as an RxJS operator. */
import { defer, finalize, from, map, mergeMap, type ObservableInput, type OperatorFunction } from 'rxjs';
import { memoryOf } from '../base/memory-of.ts';
import type { Connection } from '../transport/connection.ts';
import {
  CONNECTION,
  check,
  checkOptions,
  FUNCTION,
  numberFrom,
  optional,
  wholeFrom,
} from '../wire/argument.ts';

/** How much `mapPausing` lets wait before it pauses the connection. All may be left out. */
export interface MapPausingOptions<T> {
  /** The bytes that may wait before the connection is paused; default 1 MiB. */
  readonly highBytes?: number;
  /** The bytes at which it is read again; default half of `highBytes`. */
  readonly lowBytes?: number;
  /** How many functions run at once; default 1: one after the other, as `concatMap` does. */
  readonly concurrent?: number;
  /** The bytes of memory of a value; default an estimate by its fields. */
  readonly costOf?: (value: T) => number;
}

const MIB = 1024 * 1024;
const RULES = {
  highBytes: optional(numberFrom(0)),
  lowBytes: optional(numberFrom(0)),
  concurrent: optional(wholeFrom(1)),
  costOf: optional(FUNCTION),
};

/**
 * Runs an asynchronous function over what comes of a connection, as `mergeMap` and `concatMap` do, and pauses the
 * connection while too much waits. Those two keep everything in memory that comes faster than the function is: an
 * Observable has no way to say "not now". A connection has: its peer is slowed down by flow control.
 *
 * What is held is at most `highBytes`, the message that went over it, and what one chunk had behind that.
 *
 * @param connection the one that the values come of: it is paused and resumed. Nobody else should pause it.
 * @param project what it throws or rejects with is an error of the result.
 * @throws TypeError or RangeError when an argument is of the wrong kind.
 * @example
 * import { appendFile } from 'node:fs/promises';
 *
 * connection.chunks$
 *   .pipe(
 *     frames(lines({ maxLength: 1000 })),
 *     mapPausing(connection, (line) => appendFile('lines.txt', `${line}\n`), { highBytes: 4_000_000 }),
 *   )
 *   .subscribe({ error: (error) => console.error(error.message) });
 */
export function mapPausing<T, R>(
  connection: Connection,
  project: (value: T) => ObservableInput<R>,
  options: MapPausingOptions<T> = {},
): OperatorFunction<T, R> {
  check('mapPausing: the connection', connection, CONNECTION);
  check('mapPausing: the function', project, FUNCTION);
  checkOptions('mapPausing', options, RULES);
  const { highBytes = MIB, lowBytes = highBytes / 2, concurrent = 1, costOf = memoryOf } = options;
  return (source) =>
    defer(() => {
      let held = 0;
      let isPaused = false;
      let isOver = false;
      const change = (bytes: number): void => {
        held += bytes;
        if (isOver || (isPaused ? held > lowBytes : held <= highBytes)) return;
        isPaused = !isPaused;
        if (isPaused) connection.pause();
        else connection.resume();
      };
      return source.pipe(
        map((value) => {
          const cost = costOf(value);
          change(cost);
          return { value, cost };
        }),
        mergeMap(
          ({ value, cost }) => defer(() => from(project(value))).pipe(finalize(() => change(-cost))),
          concurrent,
        ),
        finalize(() => {
          if (isPaused) connection.resume();
          isOver = true;
        }),
      );
    });
}
