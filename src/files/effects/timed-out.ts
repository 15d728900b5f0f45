/** What a peer is told that was too slow. */
import type { TimeoutKind, Timeouts } from '../../actor/bounds/timeouts.ts';
import { type ServiceFault, serviceFault } from '../protocol/errors.ts';

const TIMEOUT_TEXT: Readonly<Record<TimeoutKind, string>> = {
  firstBytes: 'nothing has come',
  header: 'the rest of a header has not come',
  body: 'hardly anything of the body has come',
  idle: 'no request has come',
  unread: 'nothing of the replies was read',
};

/** @example timedOut('idle', limits.deadlines).message // '… no request has come within 600 s' */
export function timedOut(which: TimeoutKind, timeouts: Timeouts): ServiceFault {
  const ms = timeouts[which];
  return serviceFault('timed-out', `${TIMEOUT_TEXT[which]} within ${ms / 1000} s`, { deadline: which, ms });
}
