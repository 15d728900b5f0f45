/** Connections to a server for as long as a command needs them. */
import { isClientFault } from '../../client/client-fault.ts';
import type { ConnectionPoolOptions } from '../../client/pool/pool-options.ts';
import { createDownloads, type Downloads } from '../../client/transfers/downloads.ts';
import { clientExitError } from '../shared/with-client.ts';
import type { Report } from './report/report.ts';
import { reportRetries } from './retry-options.ts';

export interface WithDownloads extends Omit<ConnectionPoolOptions, 'token'> {
  /** Sent to the server first; null for no token. */
  readonly token: string | null;
  readonly report: Report;
}

/**
 * Ends the connections in good order when `use` has resolved, and drops them when it has not. Throws an `ExitError` when
 * the server is given up, and whatever else `use` has thrown.
 */
export async function withDownloads<T>(
  { token, report, ...options }: WithDownloads,
  use: (downloads: Downloads) => Promise<T>,
): Promise<T> {
  const downloads = createDownloads({ ...options, ...(token === null ? {} : { token }) });
  reportRetries(downloads.retries$, report);
  try {
    const answer = await use(downloads);
    downloads.end();
    return answer;
  } catch (thrown) {
    downloads.destroy();
    throw isClientFault(thrown) ? clientExitError(thrown) : thrown;
  }
}
