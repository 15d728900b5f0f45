/**
 * What one node of all does from time to time: it deletes what no name stands for any more, and forgets old uploads.
 *
 * ```text
 *  what                                                     when
 *  uploads that nobody has gone on with                     they become garbage
 *  puts without a key whose node is gone                    they become garbage
 *  garbage that no reader can know (see below)              its objects are deleted, then its rows
 *  objects that no row names, older than `ORPHAN_MS`        once a day: they are deleted
 *  nodes that are gone, and operations of an hour ago       their rows are deleted
 * ```
 *
 * A reader may know a content that was there when it opened it. A node says when the oldest of its readers began, with its
 * heartbeat; so what became garbage well before all of them is known to nobody. `GRACE_MS` covers transactions that were
 * under way, and heartbeats that crossed with a file's opening.
 */

import { NODE_GONE_S } from '../schema/uploads.ts';
import { objectFacts } from '../segments/object-names.ts';
import type { S3StoreState } from '../store-state.ts';
import type { UpkeepSettings } from './upkeep-settings.ts';

/** Contents that one statement takes, objects that are deleted at once, and contents of a round. */
const CONTENTS_PAGE = 100;
const OBJECTS_PAGE = 1000;
const DELETES_AT_ONCE = 8;
/** A hundred years: the database counts no further back than some thousands. */
const KEEP_MAX_MS = 100 * 365 * 24 * 60 * 60_000;
/** Minutes after which an upload that a put of this node has let go, without the database hearing it, is let go. */
const UNHEARD_MIN = 10;

export interface Upkeep {
  /** Does a round now, if this node is the keeper. */
  round(): Promise<void>;
  /** Deletes objects that no row names, now. Answers how many. */
  sweep(): Promise<number>;
  /** Contents that wait to be deleted, as of the last round; null before it. */
  garbage(): number | null;
  close(): Promise<void>;
}

export function startUpkeep(state: S3StoreState, settings: UpkeepSettings): Upkeep {
  let garbage: number | null = null;
  let isClosed = false;
  /** One round at a time. */
  let running: Promise<void> | null = null;

  async function round(): Promise<void> {
    await letGoUnheard(state);
    if (!(await state.node.isKeeper())) return;
    await expire(state);
    await collect(state, settings.graceMs, () => isClosed);
    const counted = await query<{ count: number }>(state, 'garbage', `select count(*) from S.garbage`, []);
    garbage = counted[0]?.count ?? null;
    const swept = await query(
      state,
      'sweep_due',
      `select 1 from S.store where swept < now() - interval '1 day'`,
      [],
    );
    if (swept.length > 0) await sweepAll();
  }

  async function sweepAll(): Promise<number> {
    const count = await sweep(state, settings.orphanMs, () => isClosed);
    if (!isClosed) await query(state, 'swept', 'update S.store set swept = now()', []);
    return count;
  }

  /** An engine that is away is asked again in the next round. */
  const tick = () => {
    running ??= round()
      .catch(() => {})
      .finally(() => {
        running = null;
      });
    return running;
  };
  const timer = setInterval(() => void tick(), settings.everyMs).unref();
  return {
    round,
    sweep: sweepAll,
    garbage: () => garbage,
    async close() {
      isClosed = true;
      clearInterval(timer);
      await running;
    },
  };
}

function query<T>(
  { database, schema }: S3StoreState,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<readonly T[]> {
  return database.rows<T>({ name: `${schema} ${name}`, text: text.replaceAll('S.', `${schema}.`) }, values);
}

/** Lets go what this node holds in the database, and not by itself: the database was away when it let it go. */
const letGoUnheard = (state: S3StoreState) =>
  query(
    state,
    'unheard',
    `update S.uploads set holder = null where holder = $1 and key <> all($2)
     and touched < clock_timestamp() - interval '${UNHEARD_MIN} min'`,
    [state.node.id, [...state.holders.keys()]],
  );

/** Makes garbage of uploads that are too old, and of puts whose node is gone; frees what nobody holds any more. */
async function expire(state: S3StoreState): Promise<void> {
  const { limits } = state;
  const living = `exists (select 1 from S.nodes n where n.id = u.holder
    and n.heartbeat > clock_timestamp() - interval '${NODE_GONE_S} s')`;
  await query(
    state,
    'expire',
    `with old as (
       delete from S.uploads u where not ${living}
       and (u.anonymous or u.touched < clock_timestamp() - $1 * interval '1 millisecond') returning u.file_id
     ) insert into S.garbage (file_id, since) select file_id, clock_timestamp() from old`,
    [Math.min(limits.keepPartial, KEEP_MAX_MS)],
  );
  // Their bytes are no longer reserved by a quota, and anybody has them at once.
  await query(
    state,
    'free',
    `update S.uploads u set holder = null where holder is not null and not ${living}`,
    [],
  );
  await query(state, 'gone', `delete from S.nodes where heartbeat < now() - interval '1 hour'`, []);
  await query(state, 'forget', `delete from S.operations where at < now() - interval '1 hour'`, []);
}

/** Deletes the contents that no reader can know. What breaks off is done again: no name of an object is used twice. */
async function collect(state: S3StoreState, graceMs: number, isClosed: () => boolean): Promise<void> {
  await query(state, 'see', 'update S.garbage set since = clock_timestamp(), seen = true where not seen', []);
  while (!isClosed()) {
    const files = await query<{ file_id: string }>(
      state,
      'collectable',
      `select file_id from S.garbage where seen and since < least(clock_timestamp(), (select min(oldest_open) from S.nodes
         where heartbeat > clock_timestamp() - interval '${NODE_GONE_S} s')) - $1 * interval '1 millisecond'
       order by since limit ${CONTENTS_PAGE}`,
      [graceMs],
    );
    for (const { file_id } of files) await collectOne(state, file_id, isClosed);
    if (files.length < CONTENTS_PAGE) return;
  }
}

async function collectOne(state: S3StoreState, file: string, isClosed: () => boolean): Promise<void> {
  while (!isClosed()) {
    const segments = await query<{ start: number; object: string }>(
      state,
      'objects',
      `select start, object from S.segments where file_id = $1 order by start limit ${OBJECTS_PAGE}`,
      [file],
    );
    await deleteAll(
      state,
      segments.map(({ object }) => object).filter((object) => object !== ''),
    );
    const last = segments.at(-1)?.start;
    if (last !== undefined)
      await query(state, 'collected', 'delete from S.segments where file_id = $1 and start <= $2', [
        file,
        last,
      ]);
    if (segments.length === OBJECTS_PAGE) continue;
    await query(state, 'clean', 'delete from S.garbage where file_id = $1', [file]);
    return;
  }
}

async function deleteAll({ bucket }: S3StoreState, objects: readonly string[]): Promise<void> {
  for (let at = 0; at < objects.length; at += DELETES_AT_ONCE)
    await Promise.all(objects.slice(at, at + DELETES_AT_ONCE).map((object) => bucket.delete(object)));
}

async function sweep(state: S3StoreState, orphanMs: number, isClosed: () => boolean): Promise<number> {
  const { bucket, folder } = state;
  let count = 0;
  let token: string | undefined;
  do {
    const page = await bucket.list(folder, token);
    const old = page.objects.flatMap(({ name, modified }) => {
      const facts = objectFacts(folder, name);
      return facts === undefined || !(modified <= page.at - orphanMs) ? [] : [{ name, ...facts }];
    });
    const orphans = await query<{ object: string }>(
      state,
      'orphans',
      `select o.object from unnest($1::uuid[], $2::bigint[], $3::text[]) as o(file_id, start, object)
       where not exists (select 1 from S.segments s
         where s.file_id = o.file_id and s.start = o.start and s.object = o.object)`,
      [old.map(({ file }) => file), old.map(({ start }) => start), old.map(({ name }) => name)],
    );
    await deleteAll(
      state,
      orphans.map(({ object }) => object),
    );
    count += orphans.length;
    token = page.next;
  } while (token !== undefined && !isClosed());
  return count;
}
