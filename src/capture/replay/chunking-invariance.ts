/** The law of framing, as a test of your own pipeline: however the bytes are cut, what comes of them is the same. */
import { catchError, lastValueFrom, map, mergeMap, type Observable, of, tap } from 'rxjs';
import { concatBytes } from '../../base/bytes.ts';
import { SluiceError } from '../../base/sluice-error.ts';
import { check, FUNCTION, LIST } from '../../wire/argument.ts';
import type { FrameFault } from '../../wire/fault.ts';
import { type Capture, checkCapture } from '../capture.ts';
import type { Conversation } from '../stream-event.ts';
import { describeValue, differences } from './difference.ts';
import { type Chunking, chunkingInWords } from './rechunk.ts';
import type { RecordedConnection } from './recorded-connection.ts';
import { type ReplayOptions, replay } from './replay.ts';

/** Which chunkings `assertSameInAnyChunking` compares, and what it takes for the same. All may be left out. */
export interface ChunkingInvarianceOptions<T>
  extends Pick<ReplayOptions, 'only' | 'side' | 'streams' | 'maxWaiting'> {
  /** The chunkings to compare with the recorded one; default one byte at a time, whole, and random with five seeds. */
  readonly chunkings?: readonly Chunking[];
  /**
   * Makes what a conversation led to comparable. Default `joinedData`: bodies that are streamed come in as many pieces
   * as their bytes did, and a fault quotes as much as had come, which is no difference.
   */
  readonly comparable?: (events: readonly T[]) => readonly unknown[];
  /** Names of fields that count for nothing, at any depth, such as `ms`; default none. */
  readonly ignore?: readonly string[];
}

const DEFAULT_SEEDS = [1, 2, 3, 4, 5];
const DEFAULT_CHUNKINGS: readonly Chunking[] = ['bytes', 'whole', ...DEFAULT_SEEDS.map((seed) => ({ seed }))];

/** The events that a pipeline emitted for one conversation. */
interface PipelineResult {
  readonly conversation: Conversation;
  readonly events: readonly unknown[];
}

/**
 * Replays a capture in many chunkings through a pipeline of yours, and holds what it emits for each conversation to
 * what it emits when the chunks are as recorded. What the pipeline errors with is compared too, as its last event.
 * All that it emits is held in memory until it was compared.
 *
 * Rejects with a `ComparisonError`: `different` names the chunking, the conversation and the first event that differs,
 * `nothing-to-compare` says that there is no conversation; and with the `CaptureError` when the capture cannot be read.
 *
 * @param pipeline is called once for each conversation and chunking, and must complete when its connection is over.
 * @example
 * await assertSameInAnyChunking(captureFile('orders.pcap'), ({ chunks$ }) => chunks$.pipe(deframe(framing)));
 */
export async function assertSameInAnyChunking<T>(
  capture: Capture,
  pipeline: (connection: RecordedConnection) => Observable<T>,
  options: ChunkingInvarianceOptions<T> = {},
): Promise<void> {
  checkCapture('assertSameInAnyChunking', capture, options);
  check('assertSameInAnyChunking: the pipeline', pipeline, FUNCTION);
  const { chunkings, comparable, ignore, ...replayOptions } = options;
  return assertSame((chunking) => replay(capture, { ...replayOptions, chunking }), pipeline, options);
}

/** The same, of whatever replays in the chunking it is asked for. */
export async function assertSame<T>(
  replayed: (chunking: Chunking) => ReturnType<typeof replay>,
  pipeline: (connection: RecordedConnection) => Observable<T>,
  { chunkings = DEFAULT_CHUNKINGS, comparable = joinedData, ignore = [] }: ChunkingInvarianceOptions<T> = {},
): Promise<void> {
  const ignored = new Set(ignore);
  const isIgnored = (path: string) => ignored.has(path.slice(path.lastIndexOf('.') + 1));

  async function runPipeline(chunking: Chunking): Promise<PipelineResult[]> {
    const conversations = new Map<Conversation, (T | PipelineError)[]>();
    const run$ = replayed(chunking).pipe(
      mergeMap(({ connection }) => {
        const events: (T | PipelineError)[] = [];
        conversations.set(connection.conversation, events);
        return pipeline(connection).pipe(
          catchError((error: unknown) => of<PipelineError>({ type: 'pipeline-error', error })),
          tap((event) => events.push(event)),
          map(() => null),
        );
      }),
    );
    await lastValueFrom(run$, { defaultValue: null });
    return [...conversations].map(([conversation, events]) => ({
      conversation,
      events: comparable(events as T[]),
    }));
  }

  const recorded = await runPipeline('recorded');
  if (recorded.length === 0)
    throw new ComparisonError('nothing-to-compare', 'the capture has no conversation to compare');
  for (const chunking of chunkings) {
    const results = await runPipeline(chunking);
    for (const [at, expected] of recorded.entries())
      compareResults(chunking, expected, results[at]?.events ?? [], isIgnored);
  }
}

/** The data of a `ComparisonError`. */
export interface ComparisonFault {
  /**
   * `different`: what came of it is not the same. `nothing-to-compare`: the recording has no conversation that counts.
   */
  readonly code: 'nothing-to-compare' | 'different';
  /** In words: the chunking with its seed, the conversation, and what is not the same. */
  readonly message: string;
}

/**
 * A pipeline does not do the same: what `assertSameInAnyChunking` and `assertReplaysTheSame` reject with.
 *
 * @example
 * const check = assertReplaysTheSame(captureFile('session.pcapng'), fileServer());
 * await check.catch((error) => {
 *   if (!(error instanceof ComparisonError)) throw error;
 *   console.error(`${error.code}: ${error.message}`);
 * });
 */
export class ComparisonError extends SluiceError {
  declare readonly code: ComparisonFault['code'];
  declare readonly fault: ComparisonFault;

  constructor(code: ComparisonFault['code'], message: string) {
    super({ code, message });
  }

  override get name(): 'ComparisonError' {
    return 'ComparisonError';
  }
}

interface PipelineError {
  readonly type: 'pipeline-error';
  readonly error: unknown;
}

function compareResults(
  chunking: Chunking,
  { conversation, events: expected }: PipelineResult,
  got: readonly unknown[],
  ignored: (path: string) => boolean,
): void {
  for (let at = 0; at < Math.max(expected.length, got.length); at++) {
    const [first] = differences(expected[at], got[at], ignored, 1);
    if (first === undefined) continue;
    const { index, client, server } = conversation;
    const where = first.path === '' ? '' : `, in ${first.path}`;
    throw new ComparisonError(
      'different',
      [
        `cut otherwise (${chunkingInWords(chunking)}), conversation ${index} (${client} to ${server}) leads to something else`,
        `event ${at + 1} differs${where}; there are ${expected.length} as recorded, and ${got.length}`,
        `  as recorded: ${describeValue(expected[at], 500)}`,
        `  cut so:      ${describeValue(got[at], 500)}`,
      ].join('\n'),
    );
  }
}

/**
 * Joins the bytes of `data` events that follow each other, as a deframer emits them for a body that is streamed; and
 * leaves away what its faults quote (`hex`, `ascii`, and which protocol that looks like), as that is how much had come.
 *
 * @example
 * const [first, second] = [Uint8Array.of(1), Uint8Array.of(2)];
 * joinedData([{ type: 'data', bytes: first }, { type: 'data', bytes: second }]); // [{ type: 'data', bytes: 01 02 }]
 */
export function joinedData(events: readonly unknown[]): readonly unknown[] {
  check('joinedData: the events', events, LIST);
  const whole: unknown[] = [];
  let run: Uint8Array[] = [];
  const seal = () => {
    if (run.length > 0) whole.push({ type: 'data', bytes: concatBytes(run) });
    run = [];
  };
  for (const event of events) {
    if (isData(event)) run.push(event.bytes);
    else {
      seal();
      whole.push(isFault(event) ? unquoted(event) : event);
    }
  }
  seal();
  return whole;
}

interface Fault {
  readonly type: 'fault';
  readonly fault: FrameFault;
}

const isFault = (event: unknown): event is Fault => {
  const { type, fault } = (event ?? {}) as Partial<Fault>;
  return type === 'fault' && typeof fault?.hex === 'string' && typeof fault.message === 'string';
};

function unquoted({ type, fault }: Fault): unknown {
  const { hex: _hex, ascii: _ascii, message, ...rest } = fault;
  return { type, fault: { ...rest, message: message.replace(/ \(the bytes look like [^()]*\)$/, '') } };
}

interface Data {
  readonly type: 'data';
  readonly bytes: Uint8Array;
}

const isData = (event: unknown): event is Data =>
  typeof event === 'object' &&
  event !== null &&
  (event as Partial<Data>).type === 'data' &&
  (event as Partial<Data>).bytes instanceof Uint8Array;
