/** The statements of the log of changes, by name. */
import type { Statement } from '../postgres/database.ts';

export type ChangeStatements = Readonly<
  Record<
    | 'open'
    | 'name'
    | 'number'
    | 'read'
    | 'trim'
    | 'hold'
    | 'leave'
    | 'advance'
    | 'move'
    | 'letters'
    | 'bury'
    | 'revive'
    | 'forget'
    | 'status'
    | 'notify',
    Statement
  >
>;

/** @param s the schema: a checked identifier. */
export function changeStatementsOf(s: string): ChangeStatements {
  const query = (name: string, text: string): Statement => ({ name: `${s} ${name}`, text });
  return {
    open: query('open_changes', `select ${s}.open_changes($1, $2, $3) as log`),
    name: query('changes_name', `select name from ${s}.change_log`),
    number: query('number_changes', `select ${s}.number_changes($1) as last`),
    read: query(
      'read_changes',
      `select sequence, type, name, from_name, size, crc32, floor(extract(epoch from at) * 1000)::bigint as time
       from ${s}.changes where sequence > $1 order by sequence limit $2`,
    ),
    trim: query('trim_passed', `select ${s}.trim_passed()`),
    hold: query('hold_sinks', `select * from ${s}.hold_sinks($1, $2, $3)`),
    leave: query('leave_sinks', `select ${s}.leave_sinks($1)`),
    advance: query(
      'advance_sink',
      `update ${s}.change_sinks set delivered = greatest(delivered, $4)
       where sink = $2 and holder = $1 and epoch = $3 returning delivered`,
    ),
    move: query('move_sink', `select ${s}.move_sink($1, $2)`),
    letters: query(
      'dead_letters',
      `select event, reason, floor(extract(epoch from at) * 1000)::bigint as time, again
       from ${s}.dead_letters where sink = $1 order by (event->>'sequence')::bigint`,
    ),
    bury: query('bury', `select ${s}.bury($1, $2, $3, $4) as buried`),
    revive: query(
      'revive',
      `with revived as (
         update ${s}.dead_letters set again = true where sink = $1 and ($2::text is null or id = $2) returning id
       ) select count(*) as count, ${s}.move_sink($1, null) from revived`,
    ),
    forget: query(
      'forget',
      `with forgotten as (
         delete from ${s}.dead_letters where sink = $1 and ($2::text is null or id = $2) returning id
       ) select count(*) as count from forgotten`,
    ),
    status: query(
      'changes_status',
      `select l.sequence as last, l.max_events, p.last_value - l.trimmed as events,
         case when d.is_called then d.last_value else 0 end as dropped,
         (select json_agg(k) from (
           select k.sink, k.delivered as at, greatest(0, l.sequence - k.delivered) as pending,
             (select floor(extract(epoch from c.at) * 1000)::bigint from ${s}.changes c
              where c.sequence > k.delivered order by c.sequence limit 1) as oldest,
             (select count(*) from ${s}.dead_letters e where e.sink = k.sink) as "deadLetters"
           from ${s}.change_sinks k order by k.sink
         ) k) as sinks
       from ${s}.change_log l, ${s}.change_places p, ${s}.changes_dropped d`,
    ),
    notify: query('notify_changes', 'select pg_notify($1, $2)'),
  };
}
