/** The statements of the store, by name. Everything that changes something is one call of one function. */
import type { Statement } from './database.ts';

export type Statements = Readonly<
  Record<
    | 'commit'
    | 'remove'
    | 'rename'
    | 'stat'
    | 'open'
    | 'segments'
    | 'list'
    | 'listPrefix'
    | 'placement'
    | 'beginUpload'
    | 'appendSegment'
    | 'releaseUpload'
    | 'takeUpload'
    | 'notify'
    | 'countUsage',
    Statement
  >
>;

const parameters = (count: number): string => Array.from({ length: count }, (_, i) => `$${i + 1}`).join(', ');

/** How many segments one statement answers: those of a file of half a GiB. */
export const SEGMENTS_PAGE = 64;

/** @param s the schema: a checked identifier. */
export function statementsOf(s: string): Statements {
  const call = (name: string, count: number): Statement => ({
    name: `${s} ${name}`,
    text: `select ${s}.${name}(${parameters(count)}) as answer`,
  });
  /** One that changes something: it does nothing when it is run after its last parameter, the time until when it may. */
  const change = (name: string, count: number): Statement => ({
    name: `${s} ${name}`,
    text: `select ${s}.${name}(${parameters(count)}) as answer where clock_timestamp() < $${count + 1}::timestamptz`,
    hasDeadline: true,
  });
  const query = (name: string, text: string): Statement => ({ name: `${s} ${name}`, text });
  const page = `select start, length, object, crc32 from ${s}.segments where file_id = `;
  return {
    commit: change('commit_file', 16),
    remove: change('remove_file', 2),
    rename: change('rename_file', 8),
    stat: query(
      'stat',
      `select f.size, f.mtime, f.crc32, m.answer as missing from (select $1::text as name) q
       left join ${s}.files f on f.name = q.name
       left join lateral ${s}.missing(q.name) as m(answer) on f.name is null`,
    ),
    open: query(
      'open',
      `select f.size, f.mtime, f.crc32, f.file_id as file, m.answer as missing,
         extract(epoch from statement_timestamp()) * 1000 as at,
         (select json_agg(p) from (${page} f.file_id order by start limit ${SEGMENTS_PAGE}) p) as segments
       from (select $1::text as name) q
       left join ${s}.files f on f.name = q.name
       left join lateral ${s}.missing(q.name) as m(answer) on f.name is null`,
    ),
    segments: query(
      'segments',
      `${page} $1 and start >= (select max(start) from ${s}.segments where file_id = $1 and start <= $2)
       order by start limit ${SEGMENTS_PAGE}`,
    ),
    list: query(
      'list',
      `select name, size, mtime from ${s}.files where name >= $1 and name > $2 order by name limit $3`,
    ),
    listPrefix: query(
      'list_prefix',
      `select name, size, mtime from ${s}.files where name >= $1 and name > $2 and name < $4 order by name limit $3`,
    ),
    placement: call('placement_fault', 3),
    beginUpload: change('begin_upload', 12),
    appendSegment: change('append_segment', 9),
    releaseUpload: change('release_upload', 4),
    takeUpload: change('take_upload', 5),
    notify: query('notify', 'select pg_notify($1, $2)'),
    countUsage: call('count_usage', 1),
  };
}
