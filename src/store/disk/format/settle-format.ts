/**
 * Brings a root to the format of this program before anything is stored there.
 *
 * Stores of several programs may be opened on one root at once, of programs that know different formats as
 * well. So a store first makes its staging folder, by which others see it, and then reads the format again:
 *
 * - An upgrade begins with its mark in the format's file, and then looks for other stores. A store that was
 *   there before sees no change: the upgrade does not go on. One that comes later sees the mark: a program
 *   that does not know the new format refuses it, another one waits for its turn.
 * - The mark stays until the upgrade is complete, also when its process dies: an older program never meets
 *   half an upgrade, and a newer one runs it again.
 */
import { RESERVED_FOLDER } from '../../../files/protocol/filename.ts';
import type { Task } from '../../task.ts';
import type { At, Folder } from '../directories/directory.ts';
import { type DiskIo, OPEN_FLAGS } from '../disk-io.ts';
import { errnoOf, FormatError } from '../errno.ts';
import { type FormatPlace, readFormat, type StoreFormat, writeFormat } from './format-file.ts';
import { type FormatRules, formatOf } from './upgrades.ts';

/** Returns the names of the staging folders of other stores that are open on the root, or may be. */
export type OtherStores = () => Task<readonly string[]>;

/** A store from before there was a file for the format has format 1. So has a new one, which has nothing yet. */
const FIRST_FORMAT: StoreFormat = { version: 1 };

/** Throws a `FormatError` when the root has a format that this program cannot use. Changes nothing. */
export function* checkFormat(io: DiskIo, at: At, root: Folder, rules: FormatRules): Task<void> {
  let reserved: Folder;
  try {
    reserved = { fd: yield* io.open(at(root, RESERVED_FOLDER), OPEN_FLAGS.folder), path: RESERVED_FOLDER };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    yield* readUsable({ io, at }, reserved, rules);
  } finally {
    io.closeQuietly(reserved.fd);
  }
}

/**
 * Brings the root to the format of this program, in which it then stays while this store's staging folder is
 * there. Throws a `FormatError` when the root has a format that this program cannot use, and system errors.
 *
 * @returns the other stores that keep it from an upgrade: none when it is done.
 */
export function* settleFormat(
  place: FormatPlace,
  rules: FormatRules,
  otherStores: OtherStores,
): Task<readonly string[]> {
  const found = yield* readUsable(place, place.reserved, rules);
  const last = formatOf(rules);
  if (found?.version === last) return [];
  const { version } = found ?? FIRST_FORMAT;
  const upgrades = rules.upgrades.slice(version - 1);
  if (upgrades.length > 0) {
    const others = yield* claimUpgrade(place, version, otherStores);
    if (others.length > 0) return others;
  }
  for (const [i, upgrade] of upgrades.entries()) {
    if (i > 0) yield* markUpgrade(place, version + i);
    yield* upgrade(place);
  }
  yield* writeFormat(place, { version: last });
  return [];
}

/** Marks the root, so that no other store begins to use it. Returns the stores that use it or want to upgrade it. */
function* claimUpgrade(
  place: FormatPlace,
  version: number,
  otherStores: OtherStores,
): Task<readonly string[]> {
  const before = yield* otherStores();
  if (before.length > 0) return before;
  yield* markUpgrade(place, version);
  return yield* otherStores();
}

const markUpgrade = (place: FormatPlace, version: number): Task<void> =>
  writeFormat(place, { version, upgradingTo: version + 1 });

function* readUsable(
  place: Pick<FormatPlace, 'io' | 'at'>,
  reserved: Folder,
  rules: FormatRules,
): Task<StoreFormat | undefined> {
  const format = yield* readFormat(place, reserved);
  const known = formatOf(rules);
  const needed = format?.upgradingTo ?? format?.version ?? known;
  if (needed <= known) return format;
  const what =
    format?.upgradingTo === undefined
      ? `is of format ${needed}`
      : `is on its way from format ${format.version} to ${needed}`;
  throw new FormatError(
    `its '${RESERVED_FOLDER}' ${what}, and this version of the program knows formats up to ${known}; ` +
      'use the version that wrote it, or a newer one, or choose another folder',
  );
}
