/** A file system whose nth operation fails, for tests that let each operation of a scenario fail in turn. */
import type { FileSystem } from '../../../src/store/disk/file-system.ts';
import { describeOperation, interceptedFileSystem, type Operation } from './fs-intercepted.ts';

export interface Fault {
  readonly errno: string;
  /** The number of the operation that fails, from 0. */
  readonly nth: number;
  /** Whether all later operations fail too. */
  readonly lasting?: boolean;
}

export interface FaultyFileSystem {
  readonly fs: FileSystem;
  /** The first operation that failed; undefined while none has. */
  readonly hit: () => Operation | undefined;
  /** That operation and its error as text, for messages. */
  readonly describeHit: () => string;
  /** From now on nothing fails. */
  readonly repair: () => void;
}

export function faultyFileSystem({ errno, nth, lasting = false }: Fault): FaultyFileSystem {
  let hit: Operation | undefined;
  let isFaulty = true;
  const fs = interceptedFileSystem({
    before(operation) {
      const fails = lasting ? operation.number >= nth : operation.number === nth;
      if (!isFaulty || !fails) return undefined;
      hit ??= operation;
      return errno;
    },
  });
  return {
    fs,
    hit: () => hit,
    describeHit: () => (hit === undefined ? 'nothing' : `${errno} of ${describeOperation(hit)}`),
    repair: () => {
      isFaulty = false;
    },
  };
}
