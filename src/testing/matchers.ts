/** The assertion that a recording replays the same, alone and as a matcher of a test runner. */
import { type Capture, checkCapture } from '../capture/capture.ts';
import { ComparisonError } from '../capture/replay/chunking-invariance.ts';
import { check } from '../wire/argument.ts';
import { compareReplay } from './compare-replay.ts';
import { checkReplayOptions, type ReplayTheSameOptions } from './options.ts';
import { PIPELINE, type Pipeline } from './pipeline.ts';

/**
 * Replays a recording against a pipeline: cut as recorded, and then at random. Rejects with a `ComparisonError` that says,
 * frame by frame, what is not the same, and with which seed it was cut.
 *
 * - What answers (`fileServer()`, `service(…)`, an actor) gets each recorded client as a connection in memory, in the
 *   order of the recording. Its replies are compared with the recorded ones: fields by value, bodies byte by byte.
 * - What reads (`framesOf(…)`, or a function) must emit the same however the bytes are cut.
 *
 * Rejects with a TypeError or RangeError when an argument is wrong, and with the `CaptureError` of a capture that cannot
 * be read.
 *
 * @example
 * import { test } from 'node:test';
 *
 * test('the server answers as recorded', () => assertReplaysTheSame(captureFile('session.pcapng'), fileServer()));
 */
export async function assertReplaysTheSame(
  capture: Capture,
  pipeline: Pipeline,
  options: ReplayTheSameOptions = {},
): Promise<void> {
  const failure = await checkAndCompare('assertReplaysTheSame', capture, pipeline, options);
  if (failure !== null) throw new ComparisonError('different', failure);
}

/** The answer of a matcher to its test runner. `matchers.toReplayTheSame` resolves with it. */
export interface MatcherResult {
  /** Whether the recording replays the same. */
  readonly pass: boolean;
  /** Says what is not the same, frame by frame; or, for `not`, that nothing is. */
  readonly message: () => string;
}

/**
 * Matchers for `expect.extend` of vitest and jest.
 *
 * @example
 * import { expect, test } from 'vitest';
 *
 * expect.extend(matchers);
 * test('the server answers as recorded', async () => {
 *   await expect(captureFile('session.pcapng')).toReplayTheSame(fileServer());
 * });
 */
export const matchers = {
  /** As `assertReplaysTheSame`. */
  async toReplayTheSame(
    capture: Capture,
    pipeline: Pipeline,
    options: ReplayTheSameOptions = {},
  ): Promise<MatcherResult> {
    const failure = await checkAndCompare('toReplayTheSame', capture, pipeline, options);
    return {
      pass: failure === null,
      message: () => failure ?? `${capture.name} replays the same, and was expected not to`,
    };
  },
};

async function checkAndCompare(
  by: string,
  capture: Capture,
  pipeline: Pipeline,
  options: ReplayTheSameOptions,
): Promise<string | null> {
  checkCapture(by, capture);
  check(`${by}: the pipeline`, pipeline, PIPELINE);
  checkReplayOptions(by, options);
  return compareReplay(capture, pipeline, options);
}

/** The matchers as `expect` has them. */
export interface ReplayMatchers<R = unknown> {
  /** Replays the capture against a pipeline: see `assertReplaysTheSame`. */
  toReplayTheSame(pipeline: Pipeline, options?: ReplayTheSameOptions): R;
}

// A program without vitest has no such module: then there is nothing to add to.
// biome-ignore lint/suspicious/noTsIgnore: where there is vitest, there is no error to expect.
/** @ts-ignore */
declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: as vitest declares it.
  interface Matchers<T = any> extends ReplayMatchers<Promise<void>> {}
}
