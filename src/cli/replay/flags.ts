/** The flags of `sluice replay`, and what its ways of replaying make of them. */

import { statSync } from 'node:fs';
import { lastValueFrom, type Observable } from 'rxjs';
import { captureFile } from '../../capture/capture-file.ts';
import type { PacingOptions, Speed } from '../../capture/replay/pacing.ts';
import type { Chunking } from '../../capture/replay/rechunk.ts';
import type { FolderError } from '../../store/memory/load-folder.ts';
import type { LengthFieldOptions } from '../../wire/length-field.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';
import type { ServerAddress } from '../shared/server-address.ts';
import type { TlsFlags } from '../shared/tls-option.ts';
import { detectProtocol } from './detect-protocol.ts';
import type { OwnPipeline } from './write-test/own-pipeline.ts';

export interface ReplayFlags extends TlsFlags {
  readonly to?: ServerAddress;
  readonly verify?: boolean;
  readonly with?: string;
  readonly only?: readonly (number | string)[];
  readonly speed: Speed;
  /** Milliseconds, as the next two are. */
  readonly maxIdle?: number;
  readonly wait: number;
  readonly timeout: number;
  readonly chunking: Chunking;
  /** Of replies: Sluice's own, a preset's, or `none`. */
  readonly preset?: string;
  readonly lengthField?: LengthFieldOptions;
  /** The path of the test. */
  readonly writeTest?: string;
  readonly pipeline?: OwnPipeline;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export const pacingOf = ({
  only,
  chunking,
  speed,
  maxIdle,
}: ReplayFlags): PacingOptions & { chunking: Chunking } => ({
  ...(only === undefined ? {} : { only }),
  ...(maxIdle === undefined ? {} : { maxIdle }),
  chunking,
  speed,
});

/**
 * The protocol of the conversations. Without `--to` only Sluice's can be served: throws an `ExitError` for any other. A
 * capture that can be read only once is taken for one of Sluice.
 */
export async function protocolOf(file: string, { only, to }: ReplayFlags): Promise<string> {
  const isRegular = file !== '-' && (statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
  const protocol = isRegular ? await detectProtocol(captureFile(file, { reuse: true }), only) : null;
  if (protocol === null || protocol === 'sluice') return 'sluice';
  if (to !== undefined) return protocol === 'unknown' ? 'none' : protocol;
  const name = printable(file);
  const looks = protocol === 'unknown' ? '' : ` (by its port it is ${protocol})`;
  throw exitError(
    exitStatus.failed,
    `${name} holds nothing of Sluice's wire${looks}, and nothing else can be served: use "sluice inspect ${name}", or "sluice replay ${name} --to HOST:PORT"`,
  );
}

/** The errors of `--with`. */
export const folderError: FolderError = (what, path, why) =>
  what === 'folder'
    ? usageError(`--with ${printable(path)} cannot be read: ${why}`)
    : exitError(exitStatus.failed, `${printable(path)} cannot be stored: ${why}`);

/** Runs an Observable to its end, and returns its error; undefined when it completes. */
export const errorOf = (run$: Observable<unknown>): Promise<unknown> =>
  lastValueFrom(run$, { defaultValue: undefined }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
