/**
 * What a pipe brings, to be sent as a file: `put -`.
 *
 * A file is announced with its size, and is read again from where a broken connection left it, so all of it is taken up
 * before it is sent: up to 8 MiB in memory, and what has more on the disk, in the system's folder for temporary files.
 * A pipe cannot be read twice: when sending fails it is kept on the disk in any case, and a `put` of it goes on.
 */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { concatBytes } from '../../../base/bytes.ts';
import { formatBytes } from '../../../base/units.ts';
import { bytesContent, type Content } from '../../../client/content/content.ts';
import { fileContent } from '../../../client/content/file-content.ts';
import { RESUME_THRESHOLD_BYTES } from '../../../client/transfers/upload.ts';
import { systemWords } from '../../../files/protocol/system-words.ts';
import { exitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { printable } from '../../shared/format.ts';
import type { Output } from '../../shared/output.ts';
import type { ConnectionFlags, ServerFlags } from '../../shared/server-option.ts';
import { quoted, serverWords } from '../../shared/shell-words.ts';
import type { Transfer } from '../report/report.ts';

/** What names stdin on the command line. */
export const STDIN = '-';

export interface Spool {
  readonly transfer: Transfer;
  readonly content: () => Content;
  /** Keeps it on the disk, if it is not there yet. Returns the path. Throws the system's error. */
  readonly keep: () => string;
  /** Removes what is on the disk. */
  readonly remove: () => void;
}

export interface SpoolDeps {
  readonly input: AsyncIterable<Uint8Array>;
  /** Where a folder for the file is made; default the system's for temporary files, or `TMPDIR`. */
  readonly folder?: string;
  /** Told after each piece how many bytes there are. */
  readonly took?: (bytes: number) => void;
}

export interface Spooling {
  /** Rejects with an `ExitError` when stdin cannot be read, or the disk takes no more; nothing is left then. */
  readonly spooled: Promise<Spool>;
  /** Removes what there is, for a run that ends meanwhile. */
  readonly remove: () => void;
}

/** @param filename its name on the server. */
export function spoolInput(filename: string, { input, folder = tmpdir(), took }: SpoolDeps): Spooling {
  let file: { readonly path: string; readonly fd: number } | null = null;
  const remove = () => {
    if (file !== null) rmSync(dirname(file.path), { recursive: true, force: true });
  };

  const create = () => {
    const path = join(mkdtempSync(join(folder, 'sluice-')), 'stdin');
    file = { path, fd: openSync(path, 'wx', 0o600) };
    return file;
  };

  const write = (bytes: Uint8Array): void => {
    const { fd } = file ?? create();
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  };

  async function spool(): Promise<Spool> {
    let held: Uint8Array[] = [];
    let size = 0;
    for await (const bytes of input) {
      held.push(bytes);
      size += bytes.length;
      took?.(size);
      if (size <= RESUME_THRESHOLD_BYTES) continue;
      onDisk(() => held.forEach(write), folder, size);
      held = [];
    }
    if (file === null) {
      const whole = concatBytes(held);
      const content = () => ({ ...bytesContent(whole), mtime: Date.now() });
      const keep = () => {
        const { path, fd } = create();
        write(whole);
        closeSync(fd);
        return path;
      };
      return { transfer: { path: STDIN, filename, size }, content, keep, remove };
    }
    const { path, fd } = file;
    closeSync(fd);
    const mtime = Math.floor(statSync(path).mtimeMs);
    const transfer = { path: STDIN, spooled: path, filename, size, mtime };
    return { transfer, content: () => fileContent(path), keep: () => path, remove };
  }

  const spooled = spool().catch((error: unknown) => {
    remove();
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code !== 'string' || !code.startsWith('E')) throw error;
    const why = systemWords(error as NodeJS.ErrnoException, 'read');
    throw exitError(exitStatus.failed, `stdin cannot be read: ${why}`);
  });
  return { spooled, remove };
}

/** Throws an `ExitError` when the disk takes no more. */
function onDisk(write: () => void, folder: string, size: number): void {
  try {
    write();
  } catch (error) {
    const why = systemWords(error as NodeJS.ErrnoException, 'write');
    const where = `${printable(folder)} does not take the ${formatBytes(size)} of stdin so far`;
    throw exitError(exitStatus.failed, `${where}: ${why}. TMPDIR names another folder`);
  }
}

/** What of a `put` counts for the one that goes on. */
interface KeptFlags extends ServerFlags, ConnectionFlags {
  readonly as?: string;
  readonly acks: boolean;
  readonly clobber: boolean;
  readonly verify?: string;
}

/** Says how what was read of stdin is sent all the same. */
export function printKept(spool: Spool | null, flags: KeptFlags, output: Output): void {
  if (spool === null || spool.transfer.size === 0) return;
  try {
    const options = [
      ...['--as', quoted(flags.as!), ...serverWords(flags)],
      ...(flags.clobber ? [] : ['--no-clobber']),
      ...(flags.acks ? [] : ['--no-acks']),
      ...(flags.bwlimit === undefined ? [] : ['--bwlimit', `${flags.bwlimit}`]),
      ...(flags.verify === undefined ? [] : ['--verify', flags.verify]),
    ];
    const again = `sluice put ${quoted(spool.keep())} ${options.join(' ')}`;
    output.error(`what stdin brought is kept: "${again}" goes on with it. Remove it afterwards`);
  } catch (error) {
    const why = systemWords(error as NodeJS.ErrnoException, 'write');
    output.error(`what stdin brought could not be kept: ${why}`);
  }
}
