/**
 * Makes the folder of an open store, `.sluice/tmp/<owner>`, on a root that has the format of this program, or
 * gets it now.
 */
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import { type Task, wait } from '../../task.ts';
import type { Directories } from '../directories/directories.ts';
import type { Folder } from '../directories/directory.ts';
import { errnoOf, FormatError, ignoreSystemErrors } from '../errno.ts';
import { checkFormat, settleFormat } from '../format/settle-format.ts';
import type { FormatRules } from '../format/upgrades.ts';
import { ownerOf } from '../owner.ts';
import { emptyFolder, type LeftoversDeps, livingOwners, openBelow, removeOrphans } from './leftovers.ts';

export interface OwnFolderDeps extends LeftoversDeps {
  readonly directories: Pick<Directories, 'root'>;
  readonly formatRules: FormatRules;
  /** Whether the format has to be on stable storage before anything relies on it. */
  readonly durable: boolean;
  /** The name of the folder, which identifies its owner. */
  readonly name: string;
}

/**
 * The most milliseconds until a store that waits for others looks again. How many it is, is random: two stores
 * that wait for each other do not keep in step.
 */
const LOOK_AGAIN_MS_MAX = 100;

/** Makes the folder, and removes those of dead owners. Throws a `FormatError`, and system errors. */
export function* makeOwnFolder(deps: OwnFolderDeps): Task<Folder> {
  const { io, at, directories, formatRules } = deps;
  // A root of another format is refused before anything is written there.
  yield* checkFormat(io, at, directories.root, formatRules);
  const reserved = yield* makeAndOpen(deps, directories.root, RESERVED_FOLDER);
  try {
    const tmp = yield* makeAndOpen(deps, reserved, 'tmp');
    try {
      const own = yield* makeInFormat(deps, reserved, tmp);
      // The upgrades come first: they know how other formats name what such a folder has.
      yield* removeOrphans(deps, tmp);
      return own;
    } finally {
      io.closeQuietly(tmp.fd);
    }
  } finally {
    io.closeQuietly(reserved.fd);
  }
}

function* makeAndOpen({ io, at }: OwnFolderDeps, parent: Folder, child: string): Task<Folder> {
  try {
    yield* io.makeFolder(at(parent, child), 0o700);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return yield* openBelow(io, at, parent, [child]);
}

/** Makes the folder, and waits, without it, while other stores keep the root from being upgraded. */
function* makeInFormat(deps: OwnFolderDeps, reserved: Folder, tmp: Folder): Task<Folder> {
  const { io, at, durable, directories, formatRules, name } = deps;
  const giveUpAt = Date.now() + formatRules.inUseWaitMs;
  const otherStores = function* () {
    return (yield* livingOwners(deps, tmp)).filter((owner) => owner !== name);
  };
  for (;;) {
    const own = yield* makeAndOpen(deps, tmp, name);
    let others: readonly string[] | undefined;
    try {
      const place = { io, at, durable, root: directories.root, reserved, own };
      others = yield* settleFormat(place, formatRules, otherStores);
      if (others.length === 0) return own;
    } finally {
      if (others?.length !== 0) yield* withdraw(deps, tmp, own);
    }
    if (Date.now() >= giveUpAt) throw inUseError(others);
    yield* wait((callback) => setTimeout(callback, Math.random() * LOOK_AGAIN_MS_MAX, null));
  }
}

function* withdraw(deps: OwnFolderDeps, tmp: Folder, own: Folder): Task<void> {
  const { io, at, name } = deps;
  try {
    yield* ignoreSystemErrors(emptyFolder(deps, own));
    yield* ignoreSystemErrors(io.removeFolder(at(tmp, name)));
  } finally {
    io.closeQuietly(own.fd);
  }
}

function inUseError(others: readonly string[]): FormatError {
  const processes = others.map((name) => `process ${ownerOf(name)?.pid}`).join(', ');
  return new FormatError(
    `its '${RESERVED_FOLDER}' is of an older format, and is upgraded once nothing else has the store open; ` +
      `stop the other programs (${processes}), then open it again`,
  );
}
