/**
 * A recording as a test of a server: the verifier sends the recorded requests to a server again and compares
 * its replies with the recorded ones.
 */
import {
  AsyncSubject,
  catchError,
  concat,
  concatWith,
  defer,
  ignoreElements,
  Observable,
  race,
  Subject,
  throwError,
  timer,
} from 'rxjs';
import { type Capture, checkCapture } from '../capture/capture.ts';
import { readStreams } from '../capture/read-streams.ts';
import type { LiveResult } from '../capture/replay/live-result.ts';
import { LIVE_RULES, type LiveOptions, replayStreamsTo } from '../capture/replay/replay-live.ts';
import type { Replies } from '../capture/replay/replies.ts';
import type { StreamEvent } from '../capture/stream-event.ts';
import { replyFraming } from '../files/protocol/reply.ts';
import { memoryStore } from '../store/memory/memory-store.ts';
import type { ListenEvent } from '../transport/listen-event.ts';
import { memoryPair } from '../transport/memory/memory-pair.ts';
import {
  ANYTHING,
  check,
  checkOptions,
  FUNCTION,
  LIST,
  optional,
  type RulesFor,
  STORE,
  TEXT,
} from '../wire/argument.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import type { ServerEvent } from './event.ts';
import { defaultLimits } from './limits.ts';
import { type ServeOptions, serve } from './serve.ts';

/** The server that `verifyReplay` makes, what it sends to it, and what may differ. All may be left out. */
export interface VerifyOptions
  extends Omit<LiveOptions<JsonHeader>, 'replies'>,
    Pick<ServeOptions, 'commands' | 'customHandlers' | 'limits' | 'access'> {
  /**
   * The store that the server serves; default an empty memory store. Fill it with the files that were there
   * when the recording began.
   */
  readonly store?: ServeOptions['store'];
  /**
   * Fields of replies that the comparison ignores, at any depth; with `command:` in front, only in the replies to that
   * command. Default `mtime`, `durable`, and what `hello` says of the server and the client.
   */
  readonly ignore?: readonly string[];
  /**
   * Called with each event of the server; default nothing is. The connection of conversation 3 is called `recorded:3`.
   */
  readonly onServerEvent?: (event: ServerEvent) => void;
}

/**
 * Fields of replies that may differ from one run to another, at any depth. With `command:` in front, the
 * field may differ only in the reply to that command.
 *
 * - `mtime`: the time at which the file was stored, unless the client set it.
 * - `durable`: false for a memory store.
 * - `hello:…`: the version and limits of the server, and the owner of a token; recordings contain no tokens.
 *
 * Three more things may differ. An error quotes bytes that could not be read as frames (`hex`, `ascii`); how
 * many it quotes depends on how many had arrived. If the recording masks those bytes, the whole error
 * differs. The number of progress replies depends on the duration of syncs, so the verifier neither compares
 * them nor waits for them.
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
 * How the verifier finds and compares replies of Sluice, for `replayTo` to a server that runs.
 *
 * @param ignore names of fields that may differ, as in `VerifyOptions.ignore`.
 * @example
 * const connect = () => connectTcp({ host: '127.0.0.1', port: 8080 });
 * replayTo(captureFile('session.pcapng'), connect, { replies: sluiceReplies() }).subscribe({
 *   next: ({ same, differences }) => console.log(same, differences.length),
 *   error: (error) => console.error(error.message),
 * });
 */
export function sluiceReplies(ignore: readonly string[] = DEFAULT_IGNORED_FIELDS): Replies<JsonHeader> {
  check('sluiceReplies: the fields to ignore', ignore, LIST);
  for (const field of ignore) check('sluiceReplies: a field to ignore', field, TEXT);
  const everywhere = new Set<string>();
  const byCommand = new Map<string, Set<string>>();
  for (const field of ignore) {
    const colon = field.indexOf(':');
    if (colon < 0) everywhere.add(field);
    else {
      const command = field.slice(0, colon);
      byCommand.set(command, (byCommand.get(command) ?? new Set()).add(field.slice(colon + 1)));
    }
  }
  return {
    framing: replyFraming({ maxHeader: REPLY_BYTES_MAX }),
    incidental: ({ ack }) => ack === 'progress',
    ignored: (path, { ack, cmd, error }) => {
      if (path === 'error' && isHidden(error)) return true;
      // The number of quoted bytes depends on how the chunks were cut.
      if (path === 'error.hex' || path === 'error.ascii') return true;
      const name = path.slice(path.lastIndexOf('.') + 1);
      return everywhere.has(name) || (byCommand.get(String(ack ?? cmd))?.has(name) ?? false);
    },
  };
}

/**
 * Whether an error is about bytes that the recording masks. Bytes that cannot be read as frames may contain a
 * secret, so the recorder writes asterisks. A server refuses the asterisks too, but with another message.
 */
function isHidden(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('hex' in error)) return false;
  return typeof error.hex === 'string' && /^\*+$/.test(error.hex);
}

/** Bytes of a reply's header. A page of a list is far longer than a request may be. */
const REPLY_BYTES_MAX = 16 * 1024 * 1024;
/** A replayed client always reads its replies, so the server need not wait for a quiet period. */
const QUIET_PERIOD = { initial: 0, minimum: 0, midFrame: 0 };
/** Milliseconds in which a session in this process must answer. */
const ANSWER_MAX_MS = 5_000;

const { replies: _replies, ...OF_REPLAY } = LIVE_RULES;
const RULES: RulesFor<VerifyOptions> = {
  ...OF_REPLAY,
  store: optional(STORE),
  commands: ANYTHING,
  customHandlers: ANYTHING,
  limits: ANYTHING,
  access: ANYTHING,
  ignore: ANYTHING,
  onServerEvent: optional(FUNCTION),
};

/**
 * Runs the clients of a recording against a server in this process, without a network. For each conversation
 * it emits whether the replies equal the recorded ones, and the differences. It compares header fields by
 * value and bodies by bytes. It sends the requests in the order of the recording, each after the replies that
 * preceded it; see `replayTo` for the bounds, options and errors.
 *
 * Replies that were caused by time (`timed-out`, `shutting-down`) do not occur again and are reported as
 * differences.
 *
 * @example
 * verifyReplay(captureFile('session.pcapng')).subscribe({
 *   next: ({ conversation, same, differences }) => {
 *     if (!same) console.log(conversation.index, differences.map(({ message }) => message));
 *   },
 *   error: (error) => console.error(error.message), // the capture is cut, say
 * });
 */
export function verifyReplay(capture: Capture, options: VerifyOptions = {}): Observable<LiveResult> {
  checkCapture('verifyReplay', capture, options);
  return verifyStreams(() => readStreams(capture, { resets: 'in-place', ...options.streams }), options);
}

/**
 * Verifies stream events from wherever they come: `verifyReplay` without the reading of a file.
 *
 * @param read begins to read them, once a subscription.
 * @throws TypeError or RangeError at once when an option is of the wrong kind.
 * @example
 * const read = () => readStreams(captureFile('session.pcapng'), { checksums: 'verify' });
 * verifyStreams(read).subscribe({
 *   next: ({ conversation, same }) => console.log(conversation.index, same),
 *   error: (error) => console.error(error.message),
 * });
 */
export function verifyStreams(
  read: () => AsyncIterable<readonly StreamEvent[]>,
  options: VerifyOptions = {},
): Observable<LiveResult> {
  check('verifyStreams: what reads them', read, FUNCTION);
  checkOptions('verifyReplay', options, RULES);
  const { store, commands, customHandlers, access, limits, ignore, onServerEvent, ...liveOptions } = options;
  const replies = sluiceReplies(ignore);
  return new Observable((subscriber) => {
    const connections$ = new Subject<ListenEvent>();
    const served$ = new AsyncSubject<never>();
    const serving = serve({
      connections$,
      store: store ?? memoryStore(),
      limits: { ...defaultLimits, quietPeriod: QUIET_PERIOD, ...limits },
      ...(commands === undefined ? {} : { commands }),
      ...(customHandlers === undefined ? {} : { customHandlers }),
      ...(access === undefined ? {} : { access }),
    }).subscribe({
      next: (event) => onServerEvent?.(event),
      complete: () => served$.complete(),
    });
    // The server says all there is to say of its connections before the verifier completes.
    const rest$ = defer(() => {
      connections$.complete();
      return race(served$, timer(ANSWER_MAX_MS)).pipe(ignoreElements());
    });
    const replaying = replayStreamsTo(
      read,
      ({ index, client, server }) =>
        new Observable((connecting) => {
          const [clientSide, pair] = memoryPair({ ids: [client, server] });
          const serverSide = { ...pair, id: `recorded:${index}` };
          connections$.next({ type: 'connection', connection: serverSide });
          connecting.next(clientSide);
          connecting.complete();
        }),
      { stall: ANSWER_MAX_MS, ...liveOptions, replies },
    )
      .pipe(
        catchError((error: unknown) =>
          concat(
            rest$,
            throwError(() => error),
          ),
        ),
        concatWith(rest$),
      )
      .subscribe(subscriber);
    return () => {
      replaying.unsubscribe();
      // The server reports the connections that were cut off before it stops.
      timer(0).subscribe(() => serving.unsubscribe());
    };
  });
}
