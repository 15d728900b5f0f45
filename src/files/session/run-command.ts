/** Taking over what a command's reducer said: its effects with the request's number, its answers in their place. */
import { errorInfo, isFatal } from '../protocol/errors.ts';
import type { Command, CommandEvent, ReplyPart, Transition } from './command.ts';
import type { Effect, Report } from './effect.ts';
import type { OpenRequest, PendingReply } from './state.ts';

/**
 * Has a command reduce an event. One that throws is a bug of its own, and costs the peer this request and nobody else
 * anything: it is refused as `internal`, what it began is aborted, and the bug is told.
 */
export function runCommand(
  command: Command,
  request: OpenRequest,
  event: CommandEvent<unknown>,
  effects: Effect[],
): OpenRequest {
  let step: Transition<unknown>;
  try {
    step = command.reduce(request.state, event);
  } catch (thrown) {
    effects.push({ type: 'internal-error', thrown });
    const answers = [{ type: 'error', error: errorInfo('internal') }] as const;
    step = { state: request.state, effects: [{ type: 'abort' }], answers, done: true };
  }
  return applyTransition(request, step, effects);
}

/** Takes over what a step of a command says. The same request is returned when nothing changed. */
function applyTransition(request: OpenRequest, step: Transition<unknown>, effects: Effect[]): OpenRequest {
  const { number } = request;
  for (const effect of step.effects ?? []) effects.push({ type: 'command', request: number, effect });
  const last = step.answers?.at(-1);
  if (step.done && last !== undefined) {
    const report = reportOf(request, last);
    if (report !== null)
      effects.push({ type: 'command', request: number, effect: { type: 'report', report } });
  }
  const done = step.done ?? false;
  if (step.state === request.state && !done && step.answers === undefined) return request;
  if (step.answers === undefined) return { ...request, state: step.state, done };
  const pendingReplies = appendReplies(request.pendingReplies, step.answers);
  const fatal = step.answers.some((answer) => answer.type === 'error' && isFatal(answer.error.code));
  return { ...request, state: step.state, pendingReplies, done, fatal };
}

/** An answer about progress that could not be sent yet is replaced by what comes after it, so one waits at the most. */
export const appendReplies = (
  waiting: readonly PendingReply[],
  more: readonly PendingReply[],
): readonly PendingReply[] =>
  waiting.length === 0 ? more : [...waiting.filter(({ type }) => type !== 'progress'), ...more];

/** What is worth telling of a request's last answer. A file that is to be sent is told of when it was. */
function reportOf(request: OpenRequest, answer: ReplyPart): Report | null {
  if (answer.type === 'file' || request.cmd === null) return null;
  return answer.type === 'error'
    ? { type: 'refused', ...reportFields(request, request.cmd), error: answer.error }
    : { type: 'served', ...reportFields(request, request.cmd) };
}

/** What a report says of a request. */
export function reportFields({ id, footprint }: OpenRequest, cmd: string) {
  const filename = footprint.writes[0] ?? footprint.reads[0];
  return { cmd, ...(filename === undefined ? {} : { filename }), ...(id === null ? {} : { id }) };
}

/** How much credit the effects from a place on hand on. */
export const creditIn = (effects: readonly Effect[], from: number): number => {
  let sum = 0;
  for (let i = from; i < effects.length; i++) {
    const effect = effects[i]!;
    if (effect.type === 'command' && effect.effect.type === 'write') sum += effect.effect.credit;
  }
  return sum;
};
