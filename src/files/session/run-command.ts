/** Runs the reducer of a command: its effects get the number of the request, and its replies their place. */
import { isFatal, serviceFault } from '../protocol/errors.ts';
import type { Command, CommandEvent, ReplyPart, Transition } from './command.ts';
import type { Effect, RequestReport } from './effect.ts';
import { type OpenRequest, type PendingReply, requestWith } from './state.ts';

/**
 * Lets a command reduce an event. When the command throws, only this request fails: it is refused as `internal`, what
 * it began is aborted, and the exception is reported.
 */
export function runCommand(
  command: Command,
  request: OpenRequest,
  event: CommandEvent<unknown>,
  effects: Effect[],
): OpenRequest {
  let transition: Transition<unknown>;
  try {
    transition = command.reduce(request.state, event);
  } catch (thrown) {
    effects.push({ type: 'internal-error', thrown });
    const replies = [{ type: 'error', error: serviceFault('internal') }] as const;
    transition = { state: request.state, effects: [{ type: 'abort' }], replies, done: true };
  }
  return applyTransition(request, transition, effects);
}

/** Lets the command of an open request reduce an event. */
export const continueRequest = (
  commands: ReadonlyMap<string, Command>,
  request: OpenRequest,
  event: CommandEvent<unknown>,
  effects: Effect[],
): OpenRequest => runCommand(commands.get(request.cmd!)!, request, event, effects);

/** Applies a transition to its request. Returns the same request when nothing changed. */
function applyTransition(
  request: OpenRequest,
  transition: Transition<unknown>,
  effects: Effect[],
): OpenRequest {
  const { number } = request;
  const { state, replies, done = false } = transition;
  for (const effect of transition.effects ?? []) effects.push({ type: 'command', request: number, effect });
  const last = replies?.at(-1);
  if (done && last !== undefined) {
    const report = reportOf(request, last);
    if (report !== null) {
      effects.push({ type: 'command', request: number, effect: { type: 'report', report } });
    }
  }
  if (replies === undefined) {
    return state === request.state && !done ? request : requestWith(request, { state, done });
  }
  const pendingReplies = appendReplies(request.pendingReplies, replies);
  const fatal = replies.some((reply) => reply.type === 'error' && isFatal(reply.error.code));
  const cost = request.cost + bodyBytesOf(replies);
  return requestWith(request, { state, pendingReplies, done, fatal, cost });
}

/** The bytes of bodies that wait with their acks. Those of a file are read when their turn has come. */
function bodyBytesOf(replies: readonly ReplyPart[]): number {
  let bytes = 0;
  for (const reply of replies) if (reply.type === 'ack') bytes += reply.body?.length ?? 0;
  return bytes;
}

/**
 * Adds replies to those that wait. A later reply replaces a progress reply that could not be sent yet, so at most one
 * waits.
 */
export const appendReplies = (
  waiting: readonly PendingReply[],
  more: readonly PendingReply[],
): readonly PendingReply[] =>
  waiting.length === 0 ? more : [...waiting.filter(({ type }) => type !== 'progress'), ...more];

/** The report of the last reply to a request. A file that is to be sent is reported when it was sent. */
function reportOf(request: OpenRequest, reply: ReplyPart): RequestReport | null {
  if (reply.type === 'file' || request.cmd === null) return null;
  return reply.type === 'error'
    ? { type: 'refused', ...reportFields(request, request.cmd), error: reply.error }
    : { type: 'served', ...reportFields(request, request.cmd) };
}

/** The fields of a report that name its request. */
export function reportFields({ id, footprint }: OpenRequest, cmd: string) {
  const filename = footprint.writes[0] ?? footprint.reads[0];
  return { cmd, ...(filename === undefined ? {} : { filename }), ...(id === null ? {} : { id }) };
}
