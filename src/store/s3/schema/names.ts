/** The functions that keep names apart: locks, the rules for files and folders, and quotas. */

/**
 * @param s the schema: a checked identifier.
 *
 * Every change takes its locks first and in one order, so no two changes wait for each other. Each statement of a
 * function sees what was committed before it began, so what is read behind a lock is true while the lock is held.
 */
export const nameFunctions = (s: string): string => `
-- Locks the names that change, and, shared, the folders that they are in.
create function ${s}.lock_names(p_names text[], p_folders text[]) returns void
language plpgsql as $$
declare r record;
begin
  for r in
    select k, bool_or(exclusive) as exclusive from (
      select hashtextextended(n, '${s}'::regnamespace::oid::bigint) as k, true as exclusive from unnest(p_names) n
      union all
      select hashtextextended(f, '${s}'::regnamespace::oid::bigint), false from unnest(p_folders) f
    ) l group by k order by k
  loop
    if r.exclusive then perform pg_advisory_xact_lock(r.k);
    else perform pg_advisory_xact_lock_shared(r.k);
    end if;
  end loop;
end $$;

-- Why no file can get this name now; null when one can.
create function ${s}.placement_fault(p_name text, p_folders text[], p_if_absent boolean)
returns jsonb language plpgsql as $$
declare v_file text;
begin
  select f.name into v_file from ${s}.files f
  where f.name = any(p_folders) limit 1;
  if found then
    return jsonb_build_object('fault', 'name-conflict', 'why', v_file || ' is a file');
  end if;
  perform 1 from ${s}.files f
  where f.name > p_name || '/' and f.name < p_name || '0' limit 1;
  if found then
    return jsonb_build_object('fault', 'name-conflict', 'why', p_name || ' is a folder with files in it');
  end if;
  if p_if_absent then
    perform 1 from ${s}.files f where f.name = p_name;
    if found then return jsonb_build_object('fault', 'exists'); end if;
  end if;
  return null;
end $$;

-- Locks what is counted of the bytes below these names, in one order, before any of it is looked at.
create function ${s}.lock_usage(p_name text, p_other text) returns void
language plpgsql as $$
begin
  perform 1 from ${s}.usage u
  where starts_with(p_name, u.prefix) or starts_with(p_other, u.prefix) order by u.prefix for update;
end $$;

-- Why a quota forbids so many bytes more below these prefixes, whose usage the caller has locked; null when none
-- does. What uploads under way may still
-- add counts for all but the upload that asks; what was kept of the others counts for the quota of the whole store.
create function ${s}.quota_fault(
  p_prefixes text[], p_limits bigint[], p_needed bigint, p_upload text
) returns jsonb language plpgsql as $$
declare r record; v_reserved bigint;
begin
  if p_needed <= 0 or cardinality(p_prefixes) = 0 then return null; end if;
  for r in
    select u.prefix, u.used, q.bytes
    from unnest(p_prefixes, p_limits) as q(prefix, bytes) join ${s}.usage u on u.prefix = q.prefix
    order by u.prefix
  loop
    select coalesce(sum(case
      when u.holder is not null then greatest(u.total - coalesce((select f.size from ${s}.files f where f.name = u.name), 0), 0)
      when r.prefix = '' then u.size
      else 0 end), 0)
    into v_reserved from ${s}.uploads u
    where starts_with(u.name, r.prefix) and u.key is distinct from p_upload;
    if r.used + v_reserved + p_needed > r.bytes then
      return jsonb_build_object('fault', 'quota-exceeded', 'quota', r.bytes, 'used', r.used + v_reserved, 'needed', p_needed);
    end if;
  end loop;
  return null;
end $$;

-- Counts a change of the bytes below a name, whose usage the caller has locked.
create function ${s}.use_bytes(p_name text, p_change bigint) returns void
language plpgsql as $$
begin
  if p_change = 0 then return; end if;
  update ${s}.usage u set used = used + p_change where starts_with(p_name, u.prefix);
end $$;

-- Begins to count the bytes below these prefixes. Changes wait meanwhile, once for each prefix.
create function ${s}.count_usage(p_prefixes text[]) returns void
language plpgsql as $$
declare v_prefix text;
begin
  lock table ${s}.files in share row exclusive mode;
  foreach v_prefix in array p_prefixes loop
    insert into ${s}.usage (prefix, used)
    select v_prefix, coalesce(sum(f.size), 0) from ${s}.files f
    where f.name >= v_prefix and starts_with(f.name, v_prefix)
    on conflict (prefix) do nothing;
  end loop;
end $$;
`;
