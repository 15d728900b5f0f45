/** Who a server lets in: what the runtime asks about tokens and certificates, without knowing where they are kept. */
import { NEVER, type Observable } from 'rxjs';
import { anonymous, type Principal } from '../files/protocol/access.ts';
import type { Certificate } from '../transport/connection.ts';

export interface Access {
  /** Who a connection speaks for before it has said anything; null when it must say `hello` first. */
  readonly initial: (certificate: Certificate | undefined) => Principal | null;
  /** Whose token it is, in a time that says nothing about it; null when it is nobody's. */
  readonly byToken: (token: string) => Principal | null;
  /** What has become of a principal after a change; null when it has no access any more. */
  readonly current: (principal: Principal) => Principal | null;
  /** Emits when the rules have changed: connections then ask `now` for theirs. */
  readonly changed$: Observable<unknown>;
}

/** Everybody may do everything. */
export const openAccess: Access = {
  initial: () => anonymous,
  byToken: () => anonymous,
  current: (principal) => principal,
  changed$: NEVER,
};
