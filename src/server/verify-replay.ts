/**
 * A recording as a test of a server: the recorded requests are put to it again, and its replies held to the recorded ones.
 */
import { Observable, Subject, timer } from 'rxjs';
import type { Capture } from '../capture/capture.ts';
import { checkCapture } from '../capture/check-capture.ts';
import { readStreams } from '../capture/read-streams.ts';
import type { LiveResult } from '../capture/replay/replay-client.ts';
import { type LiveOptions, replayStreamsTo } from '../capture/replay/replay-live.ts';
import type { Replies } from '../capture/replay/replies.ts';
import type { StreamEvent } from '../capture/stream-event.ts';
import { replyFraming } from '../files/protocol/reply.ts';
import { defaultLimits } from '../runtime/limits.ts';
import { memoryStore } from '../store/memory/memory-store.ts';
import type { ListenEvent } from '../transport/listen.ts';
import { memoryPair } from '../transport/memory/memory-pair.ts';
import { check, checkOptions, FUNCTION, LIST, optional, STORE, TEXT } from '../wire/argument.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import type { ServerEvent } from './event.ts';
import { type ServeOptions, serve } from './serve.ts';

export interface VerifyOptions
  extends Omit<LiveOptions<JsonHeader>, 'replies'>,
    Pick<ServeOptions, 'commands' | 'customHandlers' | 'limits' | 'access'> {
  /** What is served; default an empty memory store. Put into it what was there when the recording began. */
  readonly store?: ServeOptions['store'];
  /** Fields of replies that count for nothing; default `usualVariance`. */
  readonly ignore?: readonly string[];
  /** Told what happens in the server. The connection of conversation 3 is called `recorded:3`. */
  readonly onServerEvent?: (event: ServerEvent) => void;
}

/**
 * Fields of replies that rightly differ from one run to another, at any depth; `command:` in front means that they
 * do in the reply to that command alone.
 *
 * - `mtime`: when a file was stored, unless the client said so.
 * - `durable`: a memory store is not.
 * - `hello:…`: the version and limits of the server, and who a token speaks for: recordings hold no tokens.
 *
 * So does what an error quotes of bytes that could not be read as frames (`hex`, `ascii`), which is as much as had come;
 * all of the error, where the recording hides those bytes; and progress: how often that is
 * told depends on the time that syncs take, so these replies are neither compared nor waited for.
 */
export const DEFAULT_IGNORED_FIELDS: readonly string[] = [
  'mtime',
  'durable',
  'hello:server',
  'hello:version',
  'hello:limits',
  'hello:name',
  'hello:rights',
  'hello:prefix',
];

/**
 * How replies of Sluice are told apart and compared.
 *
 * @param ignore names of fields, as `usualVariance` has them.
 */
export function sluiceReplies(ignore: readonly string[] = DEFAULT_IGNORED_FIELDS): Replies<JsonHeader> {
  check('sluiceReplies: the fields to ignore', ignore, LIST);
  for (const field of ignore) check('sluiceReplies: a field to ignore', field, TEXT);
  const always = new Set<string>();
  const by = new Map<string, Set<string>>();
  for (const field of ignore) {
    const colon = field.indexOf(':');
    if (colon < 0) always.add(field);
    else {
      const command = field.slice(0, colon);
      by.set(command, (by.get(command) ?? new Set()).add(field.slice(colon + 1)));
    }
  }
  return {
    framing: replyFraming({ maxHeader: REPLY_BYTES_MAX }),
    incidental: ({ ack }) => ack === 'progress',
    ignored: (path, { ack, cmd, error }) => {
      if (path === 'error' && isHidden(error)) return true;
      // As many of the bytes at fault are quoted as had come: that depends on how they were cut.
      if (path === 'error.hex' || path === 'error.ascii') return true;
      const name = path.slice(path.lastIndexOf('.') + 1);
      return always.has(name) || (by.get(String(ack ?? cmd))?.has(name) ?? false);
    },
  };
}

/**
 * Whether an error is about bytes that the recording hides: what cannot be read as frames may hold a secret, so it is
 * recorded as asterisks. Put to a server again, they are refused too, but not in the same words.
 */
function isHidden(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('hex' in error)) return false;
  return typeof error.hex === 'string' && /^\*+$/.test(error.hex);
}

/** Bytes of a reply's header: a page of a list is far longer than a request may be. */
const REPLY_BYTES_MAX = 16 * 1024 * 1024;
/** A peer of a recording reads its replies: it is not waited for to fall silent. */
const QUIET_PERIOD = { initial: 0, minimum: 0, midFrame: 0 };
/** Milliseconds in which a session in this process must answer. */
const ANSWER_MAX_MS = 5_000;

/**
 * Runs the clients of a recording against a server in this process, without a network, and emits for each conversation
 * whether the replies are those of the recording and what differs. Header fields are compared by value, bodies by bytes.
 * The requests are put in the order of the recording, each when the replies before it are there; see `replayTo`, whose
 * bounds, options and errors these are.
 *
 * Replies that came of time alone (`timed-out`, `shutting-down`) do not come again, and are differences.
 *
 * @example
 * verifyReplay(captureFile('session.pcapng')).subscribe({
 *   next: ({ conversation, same, differences }) => {
 *     if (!same) console.log(conversation.index, differences.map(({ message }) => message));
 *   },
 *   error: (fault) => console.error(fault.message), // the capture is cut, say
 * });
 */
export function verifyReplay(capture: Capture, options: VerifyOptions = {}): Observable<LiveResult> {
  checkCapture('verifyReplay', capture, options);
  return verifyStreams(() => readStreams(capture, { resets: 'in-place', ...options.streams }), options);
}

/** Verifies stream events from wherever they come: `verifyReplay` without the reading. */
export function verifyStreams(
  read: () => AsyncIterable<readonly StreamEvent[]>,
  options: VerifyOptions = {},
): Observable<LiveResult> {
  check('verifyStreams: what reads them', read, FUNCTION);
  checkOptions('verifyReplay', options, { store: optional(STORE), onServerEvent: optional(FUNCTION) });
  const { store, commands, customHandlers, access, limits, ignore, onServerEvent, ...how } = options;
  const replies = sluiceReplies(ignore);
  return new Observable((subscriber) => {
    const connections$ = new Subject<ListenEvent>();
    const serving = serve({
      connections$,
      store: store ?? memoryStore(),
      limits: { ...defaultLimits, quietPeriod: QUIET_PERIOD, ...limits },
      ...(commands === undefined ? {} : { commands }),
      ...(customHandlers === undefined ? {} : { customHandlers }),
      ...(access === undefined ? {} : { access }),
    }).subscribe((event) => onServerEvent?.(event));
    const replaying = replayStreamsTo(
      read,
      ({ index, client, server }) =>
        new Observable((connecting) => {
          const [here, pair] = memoryPair({ ids: [client, server] });
          const there = { ...pair, id: `recorded:${index}` };
          connections$.next({ type: 'connection', connection: there });
          connecting.next(here);
          connecting.complete();
        }),
      { stall: ANSWER_MAX_MS, ...how, replies },
    ).subscribe(subscriber);
    return () => {
      replaying.unsubscribe();
      // What was cut off is told before the server goes.
      timer(0).subscribe(() => serving.unsubscribe());
    };
  });
}
