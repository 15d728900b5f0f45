/** What the list says of a file, in words. */
import { bytes, duration, rate } from '../shell/words.ts';
import type { Entry, Status } from './entry.ts';
import { timeLeft } from './totals.ts';

export const STATUS_WORDS: Readonly<Record<Status, string>> = {
  waiting: 'Waiting',
  hashing: 'Computing its SHA-256',
  sending: 'Sending',
  asking: 'Exists already',
  elsewhere: 'Another tab sends it',
  'needs-file': 'Pick the file again',
  paused: 'Paused',
  stored: 'Stored',
  failed: 'Failed',
  skipped: 'Skipped',
  cancelled: 'Cancelled',
};

/** @param isCutOff nothing arrives at the server for now. */
export function describeEntry(entry: Entry, isCutOff: boolean): string {
  const { status, size, sent, durable, why } = entry;
  const word = STATUS_WORDS[status];
  switch (status) {
    case 'sending': {
      const far = `${bytes(sent)} of ${bytes(size)}`;
      if (isCutOff) return `Waiting for the network – ${far}`;
      const left = timeLeft(entry);
      // What matters most comes first: a narrow window cuts the end off.
      return [
        far,
        ...(left === null ? [] : [`${duration(left)} left`]),
        ...(entry.rate > 0 ? [rate(entry.rate)] : []),
        ...(durable > 0 ? [`${bytes(durable)} safe`] : []),
      ].join(' – ');
    }
    case 'needs-file':
      // No longer than a line of a narrow window.
      return `${word} – ${durable > 0 ? `${bytes(durable)} of ${bytes(size)}` : bytes(size)}`;
    case 'paused':
      return `${word} – ${durable > 0 ? `${bytes(durable)} of ${bytes(size)} safe` : bytes(size)}`;
    case 'stored':
      return `${word}${entry.verify ? ' and verified' : ''} – ${bytes(size)}`;
    case 'failed':
    case 'skipped':
      return why === '' ? word : `${word}: ${why}`;
    default:
      return `${word} – ${bytes(size)}`;
  }
}
