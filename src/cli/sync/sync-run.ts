/** What a sync was asked for, and what it works with. */
import type { Observable } from 'rxjs';
import type { Downloads } from '../../client/transfers/downloads.ts';
import type { Connection } from '../../transport/connection.ts';
import type { Filter, FilterFlags } from '../shared/filters.ts';
import type { Transfer } from '../transfer/report/report.ts';
import type { TransferFlags, TransferRun } from '../transfer/transfer-run.ts';

export interface SyncFlags extends Omit<TransferFlags, 'clobber'>, FilterFlags {
  readonly checksum?: true;
  readonly delete?: true;
  readonly maxDelete: number;
  readonly dryRun?: true;
  readonly watch?: true;
}

export interface SyncRun {
  readonly src: string;
  readonly dest: string;
  readonly isUpload: boolean;
  readonly flags: SyncFlags;
  readonly filter: Filter | null;
  readonly transferRun: TransferRun;
  readonly server: Downloads;
  readonly connecting$: Observable<Connection>;
  readonly token: string | null;
}

/** A file of one of the sides, with its name below the folder, and as `put` and `get` know it. */
export interface SyncFile {
  readonly name: string;
  readonly size: number;
  readonly mtime: number;
  readonly transfer: Transfer;
}
