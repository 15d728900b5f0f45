/** What `sluice serve` says of itself, with one process or with many. */
import type { EndingSignal } from '../shared/exit-status.ts';
import type { Output } from '../shared/output.ts';
import type { ServerLog } from './server-log.ts';

export const finishing = (signal: EndingSignal): string =>
  `${signal}: finishing what runs; once more to end at once`;

/** @param address of a place that accepts connections now: `HOST:PORT`, `unix:PATH`, or the URL of the page. */
export function printListening(
  address: string,
  place: string,
  output: Pick<Output, 'line'>,
  log: Pick<ServerLog, 'info'>,
): void {
  const isPage = address.startsWith('http');
  output.line(`${isPage ? 'page' : 'listening'} on ${address}`);
  if (isPage) log.info(`page on ${address}`);
  else log.info(`receiving into ${place}; Ctrl-C ends it`);
}

/** @param cut how many connections were cut off. */
export function logStopped(cut: number, log: Pick<ServerLog, 'info' | 'warn'>): void {
  if (cut === 0) log.info('stopped');
  else log.warn(`stopped; connections cut off: ${cut}`);
}
