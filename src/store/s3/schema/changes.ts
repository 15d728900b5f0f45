/**
 * The log of changes: what happened to files, in the transaction in which it happened, until everybody has it.
 *
 * ```text
 *  changes       a change  → its place, as it was made; its sequence, as it is read
 *  change_log    the one row of the log: its name, its bounds, the last sequence
 *  change_sinks  a sink    → how far it is, and which node delivers to it until when
 *  dead_letters  a sink and an event that it has refused for good
 * ```
 *
 * Numbers that a transaction takes are seen in another order than they were taken: who reads up to 7 may have missed a 6
 * that was not committed yet. So what is read has a number, the `sequence`, that is given after the commit, by one
 * transaction at a time. Among what it sees it follows the `place`, which a change takes while it has the locks of its names:
 * of two changes of a name, whoever sees the second sees the first, and it has the lower place. A counter that each change
 * raises itself would do too, but every commit of the store would wait for the one before it to be on disk.
 */

/** @param s the schema: a checked identifier. */
export const changeTables = (s: string): string => `
create sequence ${s}.change_places;
create sequence ${s}.changes_dropped;

create table ${s}.changes (
  place bigint primary key default nextval('${s}.change_places'),
  sequence bigint unique,
  type text not null,
  name text not null,
  from_name text,
  size bigint not null,
  crc32 bigint not null,
  at timestamptz not null default clock_timestamp()
);
create index changes_without_number on ${s}.changes (place) where sequence is null;

create table ${s}.change_log (
  name text not null,
  sequence bigint not null default 0,
  -- No change has this place or a lower one.
  trimmed bigint not null default 0,
  max_events bigint not null default 65536,
  drops boolean not null default false
);
insert into ${s}.change_log (name) values (substr(replace(gen_random_uuid()::text, '-', ''), 1, 16));

-- While there is none, nothing is recorded. The epoch rises when it changes hands, and when it is moved.
create table ${s}.change_sinks (
  sink text collate "C" primary key,
  delivered bigint not null,
  epoch bigint not null default 0,
  holder uuid,
  held_until timestamptz not null default '-infinity'
);

create table ${s}.dead_letters (
  sink text collate "C" not null,
  id text collate "C" not null,
  event jsonb not null,
  reason text not null,
  at timestamptz not null default clock_timestamp(),
  again boolean not null default false,
  primary key (sink, id)
);
`;

/** Rows that are deleted at once. */
const TRIM_PAGE = 1000;
/** Dead letters of a sink. One that refuses more is held up until somebody looks. */
export const LETTERS_MAX = 1000;

/** @param s the schema: a checked identifier. */
export const changeFunctions = (s: string): string => `
-- What becomes of the event of a change: 'record', or 'drop' or 'full' when there is no room; null when nobody wants it.
-- Places are counted and not rows, which no index counts, so it is full a little early after changes that were undone.
create function ${s}.change_mode() returns text language plpgsql as $$
declare v_log ${s}.change_log; v_passed bigint;
begin
  select min(delivered) into v_passed from ${s}.change_sinks;
  if v_passed is null then return null; end if;
  select * into v_log from ${s}.change_log;
  if (select last_value from ${s}.change_places) - v_log.trimmed < v_log.max_events then return 'record'; end if;
  -- Kept only to be replayed.
  if exists (select 1 from ${s}.changes where sequence <= v_passed) then
    perform ${s}.trim_changes(v_passed);
    return 'record';
  end if;
  return case when v_log.drops then 'drop' else 'full' end;
end $$;

create function ${s}.record_change(
  p_mode text, p_type text, p_name text, p_from text, p_size bigint, p_crc32 bigint
) returns void language plpgsql as $$
begin
  if p_mode = 'record' then
    insert into ${s}.changes (type, name, from_name, size, crc32) values (p_type, p_name, p_from, p_size, p_crc32);
  elsif p_mode = 'drop' then
    perform nextval('${s}.changes_dropped');
  end if;
end $$;

-- Numbers what was committed, and answers the last number.
create function ${s}.number_changes(p_limit integer) returns bigint language plpgsql as $$
declare v_last bigint; v_count bigint;
begin
  if exists (select 1 from ${s}.changes where sequence is null) then
    select sequence into v_last from ${s}.change_log for update;
    with numbered as (
      select place, row_number() over (order by place) as n
      from (select place from ${s}.changes where sequence is null order by place limit p_limit) p
    ) update ${s}.changes c set sequence = v_last + n.n from numbered n where c.place = n.place;
    get diagnostics v_count = row_count;
    update ${s}.change_log set sequence = v_last + v_count;
  end if;
  return (select sequence from ${s}.change_log);
end $$;

-- Deletes some of what is not after this number, unless the log is numbered or trimmed just now: nobody waits here, for a
-- change may have locks that others want.
create function ${s}.trim_changes(p_through bigint) returns void language plpgsql as $$
begin
  perform 1 from ${s}.change_log for update skip locked;
  if not found then return; end if;
  delete from ${s}.changes where sequence in (
    select sequence from ${s}.changes where sequence <= p_through order by sequence limit ${TRIM_PAGE});
  update ${s}.change_log set trimmed = coalesce(
    (select min(place) - 1 from ${s}.changes), (select last_value from ${s}.change_places));
end $$;

-- Deletes what every sink has passed, but for what may be replayed: half of the log.
create function ${s}.trim_passed() returns void language plpgsql as $$
declare v_through bigint;
begin
  select least((select min(delivered) from ${s}.change_sinks), l.sequence - l.max_events / 2)
  into v_through from ${s}.change_log l;
  if exists (select 1 from ${s}.changes where sequence <= v_through) then perform ${s}.trim_changes(v_through); end if;
end $$;

-- From now on these get events too.
create function ${s}.open_changes(p_sinks text[], p_max bigint, p_drops boolean) returns text language plpgsql as $$
begin
  update ${s}.change_log set max_events = p_max, drops = p_drops;
  perform ${s}.number_changes(2147483647);
  insert into ${s}.change_sinks (sink, delivered)
  select k, l.sequence from unnest(p_sinks) k, ${s}.change_log l on conflict (sink) do nothing;
  return (select name from ${s}.change_log);
end $$;

-- Gives this node those of the sinks that no other one has, for so many milliseconds, and answers them.
create function ${s}.hold_sinks(p_node uuid, p_sinks text[], p_ms double precision)
returns table (sink text, delivered bigint, epoch bigint) language sql as $$
  with free as (
    select k.sink from ${s}.change_sinks k where k.sink = any(p_sinks)
    and (k.holder = p_node or k.held_until < clock_timestamp()) order by k.sink for update
  ) update ${s}.change_sinks k
  set holder = p_node, held_until = clock_timestamp() + p_ms * interval '1 millisecond',
    epoch = k.epoch + (k.holder is distinct from p_node)::integer
  from free f where f.sink = k.sink returning k.sink, k.delivered, k.epoch
$$;

-- Gives the sinks of this node back.
create function ${s}.leave_sinks(p_node uuid) returns void language plpgsql as $$
begin
  update ${s}.change_sinks set holder = null, held_until = '-infinity' where holder = p_node;
  perform pg_notify('${s}', 'moved');
end $$;

-- Has whoever holds a sink look where it is: at another place, or at its dead letters.
create function ${s}.move_sink(p_sink text, p_to bigint) returns void language plpgsql as $$
begin
  update ${s}.change_sinks k set epoch = k.epoch + 1,
    delivered = coalesce(greatest(0, least(p_to, (select l.sequence from ${s}.change_log l))), k.delivered)
  where k.sink = p_sink;
  perform pg_notify('${s}', 'moved');
end $$;

create function ${s}.bury(p_sink text, p_id text, p_event jsonb, p_reason text) returns boolean language plpgsql as $$
begin
  if (select count(*) from ${s}.dead_letters where sink = p_sink and id <> p_id) >= ${LETTERS_MAX} then
    return false;
  end if;
  insert into ${s}.dead_letters (sink, id, event, reason) values (p_sink, p_id, p_event, p_reason)
  on conflict (sink, id) do update set reason = excluded.reason, at = excluded.at, again = false;
  return true;
end $$;
`;
