/** What an error of the PostgreSQL client means. */
import { EngineFault } from '../engine-fault.ts';

/**
 * Classes and codes of SQLSTATE after which the same call may succeed: the connection, resources, locks, deadlocks,
 * a server that starts, stops or was told to be read-only for a change of hands.
 */
const PASSING = [/^08(?!P01)/, /^40/, /^57P/, '57014', '53300', '53400', '55P03', '25006'] as const;
/** Refusals that stay until an operator has done something. */
const REFUSED = [/^28/, '08P01', '3D000', '42501', /^53/] as const;

const isAmong = (code: string, list: readonly (RegExp | string)[]): boolean =>
  list.some((each) => (typeof each === 'string' ? each === code : each.test(code)));

/** The fault that an error stands for; the error itself when it is a bug, such as wrong SQL. */
export function sqlFault(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const { code } = thrown as { code?: unknown };
  const word = typeof code === 'string' ? code : undefined;
  const why = thrown.message === '' ? (word ?? thrown.name) : thrown.message;
  const isSqlState = word !== undefined && /^[0-9A-Z]{5}$/.test(word) && 'severity' in thrown;
  // Without an SQLSTATE the server has not answered: the connection failed, or a time-out of the client's.
  if (!isSqlState)
    return new EngineFault('postgresql', `cannot be reached: ${why}`, { word, isPassing: true });
  if (word === '53100')
    return new EngineFault('postgresql', `has no room: ${why}`, { code: 'disk-full', word });
  if (isAmong(word, PASSING))
    return new EngineFault('postgresql', `cannot do it now: ${why}`, { word, isPassing: true });
  if (isAmong(word, REFUSED)) return new EngineFault('postgresql', `refuses: ${why}`, { word });
  return thrown;
}
