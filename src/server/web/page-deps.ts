/** What the routes of the page's server are given. */
import type { Connection } from '../../transport/connection.ts';
import type { FrameClient } from './frame-client.ts';
import { openFrameClient } from './frame-client.ts';
import type { SessionCookies } from './session-cookie.ts';
import type { Visitor } from './visitor.ts';

export interface PageDeps {
  readonly cookies: SessionCookies;
  /** Hands the server a connection. Answers false when it takes no more. */
  readonly emit: (connection: Connection) => boolean;
}

/** A connection to the file service, for one request. */
export const openClient = ({ emit }: PageDeps, visitor: Visitor): FrameClient =>
  openFrameClient(visitor, emit);
