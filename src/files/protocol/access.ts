/** Access: the rights that a request needs, and those that a principal has. */

/**
 * A right of a peer. `read`: get, list, stat. `write`: put, resume, cancel, and the new name of a rename; it includes
 * replacing a file. `delete`: delete, and the old name of a rename. `observe`: to watch the whole server, the connections
 * and transfers of others included, whatever the prefix; no command needs it.
 */
export type Right = 'read' | 'write' | 'delete' | 'observe';

/**
 * All of them: what `anonymous` has.
 *
 * @example
 * const admin: Principal = { name: 'admin', rights: allRights, prefix: '' };
 */
export const allRights: readonly Right[] = ['read', 'write', 'delete', 'observe'];

/** The identity that a connection acts for. */
export interface Principal {
  /**
   * For logs, and to keep its uploads apart from others': 1 to 64 of `A-Z a-z 0-9 _ -`, or '' for the anonymous
   * principal.
   */
  readonly name: string;
  /** The rights that it has to the files whose names begin with `prefix`; and `observe`, which is about no files. */
  readonly rights: readonly Right[];
  /** The prefix that every name it uses must have; '' for no limit. */
  readonly prefix: string;
}

/**
 * The principal of every peer on a server that asks for no tokens. Its name is '', it has all rights, and it may use
 * every name.
 *
 * @example
 * const access: Access = { ...openAccess, initial: () => ({ ...anonymous, rights: ['read'] }) }; // nobody may write
 */
export const anonymous: Principal = { name: '', rights: allRights, prefix: '' };
