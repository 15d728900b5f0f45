/**
 * Commands. A command is a pattern that its header matches, the names that it touches, and a reducer.
 *
 * The reducer sees the events of one request and nothing else: no order, no other requests, no connection. The
 * session around it does the rest. It checks the names, keeps requests that touch the same name apart, sends the
 * replies in order, skips the rest of a refused body, and cleans up when the connection breaks.
 */
import { isMatching, type P } from 'ts-pattern';
import {
  checkFields,
  checkOptions,
  either,
  FLAG,
  FUNCTION,
  LIST,
  oneOf,
  optional,
  RECORD,
  TEXT,
} from '../../wire/argument.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { Principal, Right } from '../protocol/access.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';
import { explainBadFilename } from '../protocol/filename.ts';
import { requestFault } from '../protocol/request.ts';
import type { CommandEffect } from './effect.ts';
import type { EffectResult } from './event.ts';

/**
 * The events of one request, as its command's reducer gets them: `start` with the request's header and who asks; `data`
 * for each piece of the body, and `end` behind the last; with a `result` for each effect that has one in between.
 */
export type CommandEvent<R> =
  | { readonly type: 'start'; readonly request: R; readonly principal: Principal }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'result'; readonly result: EffectResult };

/**
 * A part of the reply to a request:
 *
 * - `ack`: the request was carried out. The session adds `ack` and `id`, and the length of `body`, whose bytes are sent
 *   behind the fields. The last part.
 * - `error`: it was refused. The last part.
 * - `progress`: an ack named `progress`; the request goes on.
 * - `file`: `length` bytes of the file that the request has opened, from `offset` on. They follow the ack.
 */
export type ReplyPart =
  | {
      readonly type: 'ack';
      readonly fields: Readonly<Record<string, unknown>>;
      /** Sent behind the fields, which get their number as `body`. They must stay unchanged. */
      readonly body?: Uint8Array;
    }
  | { readonly type: 'error'; readonly error: ServiceFault }
  | { readonly type: 'progress'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly type: 'file'; readonly offset: number; readonly length: number };

/** A command answers each event with its next state, the effects that it needs, and parts of the reply. */
export interface Transition<S> {
  /** The state that the next event of the request finds. */
  readonly state: S;
  /** The effects that the server carries out, in order; default none. */
  readonly effects?: readonly CommandEffect[];
  /** The parts of the reply that the peer gets, in order; default none. */
  readonly replies?: readonly ReplyPart[];
  /**
   * Whether the request is over; default false. Then no effect of it is under way, and it awaits no result. The session
   * skips the rest of its body, and requests that touch the same names may begin.
   */
  readonly done?: boolean;
}

/**
 * Which files a command touches, so that requests for one file keep their order. The fields of a request that are file
 * names, each with whether the file is read or written, and those that are ids of uploads. `allFiles`: the command
 * looks at all files. `exclusive`: no other request may be under way, before it or behind it.
 */
export type Touches<F extends string = string> =
  | Readonly<Partial<Record<F, 'read' | 'write' | 'upload'>>>
  | 'allFiles'
  | 'exclusive';

/** One command of the file service. `defineCommand` makes it, and the option `commands` of a server takes it. */
export interface Command {
  /** The name: `cmd` of the requests. */
  readonly cmd: string;
  /** The files that it touches. */
  readonly touches: Touches;
  /**
   * The rights that the peer needs; null for a command that is open to every peer, even before it has said who it is.
   */
  readonly rights: readonly Right[] | null;
  /** The fields of a header that the command uses: no other is kept. Absent: all fields. */
  readonly fields?: readonly string[];
  /** Whether it changes nothing. Then it is dropped, begun or not, once no reply can reach the peer. */
  readonly readOnly: boolean;
  /** Whether it needs a file that is open to be sent: only a few of these are under way at once. */
  readonly needsFile: boolean;
  /** The length of the body behind the header; or, as a string, why it cannot be known. Absent: always 0. */
  readonly bodyLength?: (header: JsonHeader) => number | string;
  /** Answers null when the header is a request of this command, else the error for the peer. */
  readonly check: (header: JsonHeader) => ServiceFault | null;
  /** The pure reducer of one request. What it throws costs the request: the peer gets `internal`. */
  readonly reduce: (state: unknown, event: CommandEvent<unknown>) => Transition<unknown>;
}

/**
 * Makes a command of a pattern and a reducer.
 *
 * @param definition.pattern the pattern that the header must match, for ts-pattern. `cmd` names the command. Fields
 *   that the pattern does not name are not kept, and reach no reducer.
 * @param definition.touches which fields are file names (they are checked before the reducer sees them) and whether
 *   the files are read or written, and which are ids of uploads; `'allFiles'` for a command that looks at all files.
 * @param definition.rights the rights that the peer needs. Default by what the command touches: `read` where names
 *   are read, `write` where they are written. Null for a command that is open even to a peer that has not said who it
 *   is.
 * @param definition.readOnly true for a command that changes nothing, so that the session may drop it once no reply
 *   can reach the peer. Default: true where it touches files and only reads them, else false.
 * @param definition.needsFile true for a command that asks for `open`; default false.
 * @param definition.bodyLength answers how many bytes follow the header of a request, or, as a string, why that cannot be
 *   known: then the connection ends. Default 0. Have the header say it as `filesize`, as `client.request` does: servers
 *   that do not know the command, and `sluice inspect`, find the next request by that.
 * @param definition.start makes the first transition of a request, for the principal that asks.
 * @param definition.on makes the transition at each later event, from the state of the one before.
 *
 * @example
 * import { match, P } from 'ts-pattern';
 *
 * // Answers {"cmd": "size", "filename": "a"} with {"ack": "size", "bytes": 3}
 * const size = defineCommand({
 *   pattern: { cmd: 'size', filename: P.string },
 *   touches: { filename: 'read' },
 *   start: (request) => ({ state: null, effects: [{ type: 'stat', name: request.filename }] }),
 *   on: (state, event) =>
 *     match(event)
 *       .with({ type: 'result', result: { of: 'stat', ok: true } }, ({ result }) =>
 *         acknowledge(state, { bytes: result.value.size }))
 *       .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
 *       .otherwise(() => ({ state })),
 * });
 */
export function defineCommand<const Shape extends { readonly cmd: string }, S>(definition: {
  readonly pattern: Shape;
  readonly touches: Touches<Extract<keyof Shape, string>>;
  readonly rights?: readonly Right[] | null;
  readonly readOnly?: boolean;
  readonly needsFile?: boolean;
  readonly bodyLength?: (header: JsonHeader) => number | string;
  readonly start: (request: P.infer<Shape>, principal: Principal) => Transition<S>;
  readonly on: (state: S, event: Exclude<CommandEvent<P.infer<Shape>>, { type: 'start' }>) => Transition<S>;
}): Command {
  checkOptions('defineCommand', definition, COMMAND_RULES);
  checkFields('the pattern of a command', definition.pattern, { cmd: TEXT });
  const { pattern, touches, needsFile = false, bodyLength, start, on } = definition;
  const { readOnly = onlyReads(touches) } = definition;
  const rights = definition.rights === undefined ? rightsFor(touches) : definition.rights;
  const matches = isMatching(pattern as P.Pattern<unknown>);
  const names =
    typeof touches === 'string'
      ? []
      : Object.keys(touches).filter((field) => modeOf(touches, field) !== 'upload');
  const check = (header: JsonHeader): ServiceFault | null => {
    if (!matches(header)) {
      const wrong = requestFault(pattern, header);
      return serviceFault('bad-request', wrong?.why, wrong ? { field: wrong.field } : {});
    }
    for (const field of names) {
      const why = explainBadFilename(header[field]);
      if (why !== null) return serviceFault('bad-filename', why, { field });
    }
    return null;
  };
  const reduce: Command['reduce'] = (state, event) =>
    event.type === 'start' ? start(event.request as P.infer<Shape>, event.principal) : on(state as S, event);
  const fields = Object.keys(pattern);
  return {
    cmd: pattern.cmd,
    touches,
    rights,
    fields,
    readOnly,
    needsFile,
    check,
    reduce,
    ...(bodyLength ? { bodyLength } : {}),
  };
}

const COMMAND_RULES = {
  pattern: RECORD,
  touches: either(RECORD, oneOf('allFiles', 'exclusive')),
  rights: optional(either(LIST, oneOf(null))),
  readOnly: optional(FLAG),
  needsFile: optional(FLAG),
  bodyLength: optional(FUNCTION),
  start: FUNCTION,
  on: FUNCTION,
};

const modeOf = (touches: Readonly<Record<string, unknown>>, field: string): unknown => touches[field];

function onlyReads(touches: Touches): boolean {
  if (typeof touches === 'string') return touches === 'allFiles';
  const modes = Object.values(touches);
  return modes.length > 0 && modes.every((mode) => mode === 'read');
}

function rightsFor(touches: Touches): readonly Right[] {
  const modes = typeof touches === 'string' ? ['read'] : Object.values(touches);
  const rights = new Set(modes.map((mode) => (mode === 'read' ? 'read' : 'write') satisfies Right));
  return [...rights];
}
