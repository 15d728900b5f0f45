/** Replays a recording against a pipeline, cut as recorded and then at random, and says what is not the same. */

import { type Observable, tap } from 'rxjs';
import type { Capture } from '../capture/capture.ts';
import { otherSide } from '../capture/other-side.ts';
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

/** The message of a comparison that failed; null when everything is the same. */
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

/** Counts of a reader's input and output. */
interface Seen {
  /** Bytes that it has read. */
  bytes: number;
  emitted: number;
  /** Whether it has written to its connection, which is what services do. */
  hasWritten: boolean;
  /** The first fault of a framing that it emitted, and that may not be. */
  fault: FrameFault | null;
}

/** What a reader writes is not compared, so one that answers would pass whatever it answers. */
const HAS_WRITTEN =
  'the pipeline writes to its connection, and what it writes is not compared: for something that answers there is service(…)';

/** A side that sent more is not cut into single bytes: there would be too many events at once. */
const BYTEWISE_BYTES_MAX = 64 * 1024;

/** A reader reads both directions; a function reads what the client sent. */
async function compareReader(
  capture: Capture,
  pipeline: Reader | PipelineFunction,
  options: ReplayTheSameOptions,
): Promise<Failure> {
  const { conversation, ignore, runs = RUNS_DEFAULT, streams } = options;
  const seed = seedOf(options);
  const isReader = typeof pipeline === 'object';
  const seen: Seen = { bytes: 0, emitted: 0, hasWritten: false, fault: null };
  // The last message may not be whole; the first one shows whether the framing fits.
  const mayEndSo = ({ code, position }: FrameFault): boolean =>
    (options.allowIncomplete ?? false) && code === 'truncated' && position > 0;
  const watched = watchedReader(readerOf(pipeline), seen, mayEndSo);
  for (const side of isReader ? (['server', 'client'] as const) : (['server'] as const)) {
    const isSame = (chunkings: readonly Chunking[]) =>
      assertSameInAnyChunking(capture, watched, {
        side,
        chunkings,
        ...(conversation === undefined ? {} : { only: conversation }),
        ...(ignore === undefined ? {} : { ignore }),
        ...(streams === undefined ? {} : { streams }),
      });
    try {
      seen.bytes = 0;
      await isSame(Array.from({ length: runs }, (_, run) => ({ seed: seed + run })));
      if (seen.bytes / (runs + 1) <= BYTEWISE_BYTES_MAX) await isSame(['bytes']);
    } catch (thrown) {
      if (!(thrown instanceof Error) || thrown instanceof TypeError) throw thrown;
      return thrown.message;
    }
    if (seen.hasWritten) return HAS_WRITTEN;
    if (isReader && seen.fault !== null) {
      const { message, position } = seen.fault;
      return `the recording is not understood: ${message}, at byte ${position} of what the ${otherSide[side]} sent`;
    }
  }
  return seen.emitted > 0
    ? null
    : 'the pipeline has emitted nothing, so there is nothing that could be compared';
}

function watchedReader(
  read: (connection: RecordedConnection) => Observable<unknown>,
  seen: Seen,
  mayEndSo: (fault: FrameFault) => boolean,
): (connection: RecordedConnection) => Observable<unknown> {
  return (connection) => {
    const chunks$ = connection.chunks$.pipe(
      tap((chunk) => {
        seen.bytes += chunk.length;
      }),
    );
    const write: RecordedConnection['write'] = (chunks, settled) => {
      seen.hasWritten = true;
      connection.write(chunks, settled);
    };
    return read({ ...connection, chunks$, write }).pipe(
      tap((event) => {
        seen.emitted++;
        const { type, fault } = (event ?? {}) as { readonly type?: unknown; readonly fault?: FrameFault };
        if (type === 'fault' && fault !== undefined && !mayEndSo(fault)) seen.fault ??= fault;
      }),
    );
  };
}
