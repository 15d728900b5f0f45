/** Begins requests: each one is begun, refused, or deferred until nothing is in its way. */

import type { JsonHeader } from '../../wire/json-header.ts';
import type { Principal } from '../protocol/access.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';
import { idOf } from '../protocol/request.ts';
import type { Command } from './command.ts';
import type { Effect } from './effect.ts';
import { footprintOf, mustWait, NO_FILES } from './overlap.ts';
import { flushReplies } from './reply-order.ts';
import { runCommand } from './run-command.ts';
import { type Footprint, type OpenRequest, requestWith, type SessionState, sessionWith } from './state.ts';

export interface SessionLimits {
  /** The most bytes of one file, by its `filesize`; default no limit. Beyond it: `too-large`. */
  readonly fileBytes?: number;
  /** The most requests of one connection that may be unanswered at once. */
  readonly openRequests: number;
}

/** The commands and limits of a session. */
export interface SessionDeps {
  /** By `cmd`. */
  readonly commands: ReadonlyMap<string, Command>;
  readonly limits: SessionLimits;
}

/** The most files of one connection that are open to be sent. They are sent one after the other anyway. */
const OPEN_FILES_MAX = 16;

/** The principal of a peer that has not said who it is, for a command that is open to it all the same. */
const unauthenticated: Principal = { name: '', rights: [], prefix: '' };

/** Characters of an unknown command's name that its refusal has. */
const CMD_LENGTH_MAX = 64;
/** Characters of a file name that the report of a refusal has. */
const REPORTED_NAME_LENGTH_MAX = 256;

/** Begins a request. Defers it when too many are open, or when one of them touches the same name. */
export function beginRequest(
  { commands, limits }: SessionDeps,
  state: SessionState,
  header: JsonHeader,
  cost: number,
  effects: Effect[],
): SessionState {
  const deferred = () => sessionWith(state, { deferred: { header, cost } });
  if (state.requests.length >= limits.openRequests) return deferred();
  const command = Object.hasOwn(header, 'cmd') ? commands.get(header.cmd as string) : undefined;
  if (command === undefined) return refuseRequest(state, header, unknownCommand(header), cost, effects);
  // No peer would get the reply.
  if (!state.reachable && command.readOnly) return state;
  const error = checkHeader(command, header, effects) ?? sizeFault(command, header, limits);
  if (error !== null) return refuseRequest(state, header, error, cost, effects);
  const footprint = footprintOf(command.touches, header);
  if (mustWait(footprint, state.requests) || mustWaitForFile(command, state)) return deferred();
  // Rights are checked only now, since the request before this one may have been the `hello`.
  const refusal = accessFault(command, footprint, state.principal);
  if (refusal !== null) return refuseRequest(state, header, refusal, cost, effects);
  const { cmd, needsFile, readOnly } = command;
  const request = requestWith(newRequest(state, header, cmd, footprint, cost), { needsFile, readOnly });
  const start = { type: 'start', request: header, principal: state.principal ?? unauthenticated } as const;
  return withRequest(state, runCommand(command, request, start, effects));
}

/** Begins the deferred request, once nothing is in its way; not after a fatal refusal. */
export function beginDeferred(deps: SessionDeps, state: SessionState, effects: Effect[]): SessionState {
  if (state.deferred === null) return state;
  const { header, cost } = state.deferred;
  if (state.phase === 'ending') {
    return flushReplies(sessionWith(state, { deferred: null, inFrame: false }), effects);
  }
  return flushReplies(
    beginRequest(deps, sessionWith(state, { deferred: null }), header, cost, effects),
    effects,
  );
}

/** Opens a request that is refused from the start, so that its error is sent in its turn. */
export function refuseRequest(
  state: SessionState,
  header: JsonHeader,
  error: ServiceFault,
  cost: number,
  effects: Effect[],
): SessionState {
  const named = typeof header.cmd === 'string' ? header.cmd.slice(0, CMD_LENGTH_MAX) : null;
  const request = newRequest(state, header, named, NO_FILES, cost);
  const refused = { pendingReplies: [{ type: 'error', error }], receiving: false, done: true } as const;
  const cmd = named === null ? {} : { cmd: named };
  const identity = request.id === null ? {} : { id: request.id };
  const filename =
    typeof header.filename === 'string'
      ? { filename: header.filename.slice(0, REPORTED_NAME_LENGTH_MAX) }
      : {};
  const report = { type: 'refused', error, ...cmd, ...filename, ...identity } as const;
  effects.push({ type: 'command', request: request.number, effect: { type: 'report', report } });
  return withRequest(state, requestWith(request, refused));
}

function unknownCommand({ cmd }: JsonHeader): ServiceFault {
  const why = typeof cmd === 'string' ? `'${cmd.slice(0, CMD_LENGTH_MAX)}'` : "'cmd' must be a string";
  return serviceFault('unknown-command', why);
}

/** Checks a header. A guard in a pattern of your own may throw as well. */
function checkHeader(command: Command, header: JsonHeader, effects: Effect[]): ServiceFault | null {
  try {
    return command.check(header);
  } catch (thrown) {
    effects.push({ type: 'internal-error', thrown });
    return serviceFault('internal');
  }
}

function sizeFault(
  { bodyLength }: Command,
  { filesize }: JsonHeader,
  { fileBytes = Number.POSITIVE_INFINITY }: SessionLimits,
): ServiceFault | null {
  if (bodyLength === undefined || typeof filesize !== 'number' || filesize <= fileBytes) return null;
  const why = `'filesize' is ${filesize}, and at most ${fileBytes} bytes are taken`;
  return serviceFault('too-large', why, { field: 'filesize', limit: fileBytes });
}

/** Whether a request must wait since it may hold a file open, and so many others of the connection do. */
function mustWaitForFile(command: Command, { requests }: SessionState): boolean {
  if (!command.needsFile || requests.length < OPEN_FILES_MAX) return false;
  return requests.filter(({ needsFile }) => needsFile).length >= OPEN_FILES_MAX;
}

function accessFault(
  { cmd, rights }: Command,
  { reads, writes }: Footprint,
  principal: Principal | null,
): ServiceFault | null {
  if (rights === null) return null;
  if (principal === null) return serviceFault('not-authenticated');
  const missing = rights.find((right) => !principal.rights.includes(right));
  if (missing !== undefined)
    return serviceFault('forbidden', `'${cmd}' needs the right '${missing}'`, { right: missing });
  const { prefix } = principal;
  if (prefix === '') return null;
  const outside = [...reads, ...writes].some((name) => !name.startsWith(prefix));
  return outside ? serviceFault('forbidden', `names must begin with '${prefix}'`, { prefix }) : null;
}

const newRequest = (
  state: SessionState,
  header: JsonHeader,
  cmd: string | null,
  footprint: Footprint,
  cost: number,
): OpenRequest => ({
  number: state.next,
  cmd,
  readOnly: false,
  id: idOf(header),
  footprint,
  state: undefined,
  pendingReplies: [],
  receiving: true,
  sending: false,
  needsFile: false,
  hasFile: false,
  done: false,
  fatal: false,
  cost,
});

const withRequest = (state: SessionState, request: OpenRequest): SessionState =>
  sessionWith(state, { next: state.next + 1, requests: state.requests.concat(request) });
