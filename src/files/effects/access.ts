/**
 * The access rules of a server, as the runtime asks for them. It does not know where tokens and certificates are
 * kept.
 */
import { NEVER, type Observable } from 'rxjs';
import type { Certificate, Connection } from '../../transport/connection.ts';
import { anonymous, type Principal } from '../protocol/access.ts';

/**
 * The access rules of a server: who a peer is, and what it may do. `openAccessFile` makes one of a file; `serve` asks
 * it and does not know where tokens and certificates are kept.
 */
export interface Access {
  /** The principal of a connection that has said nothing yet; null when the peer must say `hello` first. */
  readonly initial: (certificate: Certificate | undefined) => Principal | null;
  /**
   * The principal that has this token, or null when nobody has it. The time that the answer takes says nothing about
   * it.
   */
  readonly byToken: (token: string) => Principal | null;
  /** The principal as it is after a change of the rules; null when it has no access any more. */
  readonly current: (principal: Principal) => Principal | null;
  /** Emits when the rules have changed. Each connection then calls `current` with its principal. */
  readonly changed$: Observable<unknown>;
}

/**
 * Lets every peer do everything: what `serve` uses where the options name no access.
 *
 * @example
 * const server = startServer({ store: memoryStore(), access: openAccess }); // the same as without
 */
export const openAccess: Access = {
  initial: () => anonymous,
  byToken: () => anonymous,
  current: (principal) => principal,
  changed$: NEVER,
};

/** The principal that a connection begins with: that of its token if it came with one, null if nobody has that. */
export const principalAtStart = (
  access: Access,
  { certificate, token }: Pick<Connection, 'certificate' | 'token'>,
): Principal | null => (token === undefined ? access.initial(certificate) : access.byToken(token));
