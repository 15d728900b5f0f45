/** What is to be seen of a connection that is served, for those who look at it: the records that its work keeps anyway. */
import type { RunHolder } from '../../actor/run/look.ts';
import type { Source } from '../../store/contract.ts';
import type { PutTask } from './put-task.ts';
import type { SendProgress } from './send-task.ts';

/** The transfers of a connection that are under way, by the number of the request. */
export interface Transfers {
  readonly puts: ReadonlyMap<number, Pick<PutTask, 'put'>>;
  /** The files that are open to be sent, and how far those are that are being sent. */
  readonly sources: ReadonlyMap<number, { readonly source: Source }>;
  readonly sending: ReadonlyMap<number, SendProgress>;
}

/** It is written to by the connection that it is of, and read by anyone. */
export interface ConnectionStatus extends RunHolder {
  /** Null until the first effect for a store. */
  transfers: Transfers | null;
  /** Called after each step in which requests were begun or answered, with how many are not answered. */
  setOpen(open: number): void;
}
