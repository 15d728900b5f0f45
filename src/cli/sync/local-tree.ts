/** The files of a folder of this machine, by their names below it. */
import { statSync } from 'node:fs';
import { systemWords } from '../../files/protocol/system-words.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import type { Filter } from '../shared/filters.ts';
import { ofName, printable } from '../shared/format.ts';
import { isPartFileName } from '../transfer/part-file.ts';
import { type PutPlan, planPutInTurns } from '../transfer/put-plan.ts';

const EMPTY: PutPlan = { files: [], skipped: [], unreadable: [], leftOut: 0 };

/**
 * Lists it. What an interrupted download has left there is left out: it is no file of anybody's.
 *
 * @param absent what it means that there is no such folder: an error, or a folder without files.
 */
export async function localTree(
  folder: string,
  absent: 'error' | 'empty',
  filter: Filter | null,
): Promise<PutPlan> {
  try {
    if (!statSync(folder).isDirectory()) {
      const why = 'it is no folder: sync is for folders, and "put --update" or "get" for a file';
      throw usageError(ofName(folder, why));
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && absent === 'empty') return EMPTY;
    if (code === 'ENOENT')
      throw exitError(exitStatus.failed, `${printable(folder)}: there is no such folder`);
    if (typeof code !== 'string' || !code.startsWith('E')) throw error;
    throw exitError(exitStatus.failed, ofName(folder, systemWords(error as NodeJS.ErrnoException, 'read')));
  }
  const plan = await planPutInTurns([folder], '', filter);
  return { ...plan, files: plan.files.filter(({ filename }) => !isPartFileName(filename)) };
}
