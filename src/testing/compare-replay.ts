/** Replays a recording against a pipeline, cut as recorded and then at random, and says what is not the same. */

import { tap } from 'rxjs';
import type { Capture } from '../capture/capture.ts';
import { assertSameInAnyChunking } from '../capture/replay/chunking-invariance.ts';
import { type LiveResult, verdictOf } from '../capture/replay/live-result.ts';
import type { Chunking } from '../capture/replay/rechunk.ts';
import type { RecordedConnection } from '../capture/replay/recorded-connection.ts';
import type { FrameFault } from '../wire/fault.ts';
import { describeFailure, describeNothing } from './failure.ts';
import type { ReplayTheSameOptions } from './options.ts';
import {
  type Pipeline,
  type PipelineFunction,
  type Reader,
  readerOf,
  type Service,
  serviceOf,
} from './pipeline.ts';
import { replayToService } from './replay-service.ts';
import { framedReplies } from './reply-framing.ts';

/** What came of a comparison: null when it is the same, else the whole message. */
export type Failure = string | null;

const RUNS_DEFAULT = 3;
/** Shorter than a test runner waits by default, so that the failure says what is missing. */
const STALL_DEFAULT_MS = 2_000;
const SEED_MAX = 2 ** 31;

const seedOf = ({ seed }: ReplayTheSameOptions): number => seed ?? Math.floor(Math.random() * SEED_MAX);

/** The options and the pipeline must have been checked. */
export async function compareReplay(
  capture: Capture,
  pipeline: Pipeline,
  options: ReplayTheSameOptions,
): Promise<Failure> {
  const isReader = typeof pipeline === 'function' ? pipeline.length > 0 : serviceOf(pipeline) === null;
  if (isReader) return compareReader(capture, pipeline as Reader | PipelineFunction, options);
  return compareService(capture, () => serviceOf(pipeline)!, options);
}

/** @param serviceFor makes the service of a replay. */
async function compareService(
  capture: Capture,
  serviceFor: () => Service,
  options: ReplayTheSameOptions,
): Promise<Failure> {
  const { conversation = null, framing, ignore, runs = RUNS_DEFAULT, stall = STALL_DEFAULT_MS } = options;
  const seed = seedOf(options);
  const random = Array.from({ length: runs }, (_, run): Chunking => ({ seed: seed + run }));
  for (const chunking of ['recorded' as const, ...random]) {
    const service = serviceFor();
    const replies = framing === undefined ? service.replies(ignore) : framedReplies(framing, ignore ?? []);
    const how = { chunking, replies, conversation, stall, streams: options.streams };
    const { results, thrown } = await replayToService(capture, service, how);
    const counted = results.filter(({ conversation: { index } }) => [null, index].includes(conversation));
    if (counted.length === 0) return describeNothing(capture.name, conversation);
    const failed = counted.filter((result) => !isSame(result, options));
    if (failed.length > 0) return describeFailure({ failed, thrown, chunking, ignore });
  }
  return null;
}

function isSame(result: LiveResult, { allowIncomplete = false }: ReplayTheSameOptions): boolean {
  const verdict = verdictOf(result);
  return verdict === 'same' || (verdict === 'incomplete' && allowIncomplete && result.compared > 0);
}

/** A reader reads both directions; a function reads what the client sent. */
async function compareReader(
  capture: Capture,
  pipeline: Reader | PipelineFunction,
  options: ReplayTheSameOptions,
): Promise<Failure> {
  const { conversation, ignore, runs = RUNS_DEFAULT, streams } = options;
  const read = readerOf(pipeline);
  const seed = seedOf(options);
  let emitted = 0;
  let fault: FrameFault | null = null;
  const watched = (connection: RecordedConnection) =>
    read(connection).pipe(
      tap((event) => {
        emitted++;
        const { type, fault: found } = (event ?? {}) as {
          readonly type?: unknown;
          readonly fault?: FrameFault;
        };
        if (type === 'fault' && found !== undefined) fault ??= found;
      }),
    );
  const isReader = typeof pipeline === 'object';
  for (const side of isReader ? (['server', 'client'] as const) : (['server'] as const)) {
    try {
      await assertSameInAnyChunking(capture, watched, {
        side,
        chunkings: ['bytes', ...Array.from({ length: runs }, (_, run) => ({ seed: seed + run }))],
        ...(conversation === undefined ? {} : { only: conversation }),
        ...(ignore === undefined ? {} : { ignore }),
        ...(streams === undefined ? {} : { streams }),
      });
    } catch (thrown) {
      if (!(thrown instanceof Error) || thrown instanceof TypeError) throw thrown;
      return thrown.message;
    }
    if (isReader && fault !== null) {
      const { message, position } = fault as FrameFault;
      return `the recording is not understood: ${message}, at byte ${position} of what the ${side === 'server' ? 'client' : 'server'} sent`;
    }
  }
  return emitted > 0 ? null : 'the pipeline has emitted nothing, so there is nothing that could be compared';
}
