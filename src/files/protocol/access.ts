/** Who may do what: the rights a request needs, and those a connection has. */

/**
 * `read`: get, list, stat. `write`: put, resume, cancel, and the new name of a rename; it includes replacing a file.
 * `delete`: delete, and the old name of a rename.
 */
export type Right = 'read' | 'write' | 'delete';

export const allRights: readonly Right[] = ['read', 'write', 'delete'];

/** Who a connection speaks for. */
export interface Principal {
  /** For logs, and to keep its uploads apart from others': 1 to 64 of `A-Z a-z 0-9 _ -`, or '' for anybody. */
  readonly name: string;
  readonly rights: readonly Right[];
  /** What every name it uses must start with; '' for no bound. */
  readonly prefix: string;
}

/** Who everybody is on a server that asks for no tokens. */
export const anonymous: Principal = { name: '', rights: allRights, prefix: '' };
