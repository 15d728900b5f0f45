/** The functions of uploads: who may append, under which epoch, and what there is. */

/** Seconds without a heartbeat after which a node counts as gone: what it held is free. */
export const NODE_GONE_S = 60;

/**
 * @param s the schema: a checked identifier.
 *
 * Every change of hands raises the epoch, and an append is taken only under the present one. So who has lost an upload
 * changes nothing, whenever its bytes arrive.
 */
export const uploadFunctions = (s: string): string => `
-- The uploads that this node does not hold: it knows its own.
create function ${s}.others(p_node uuid) returns jsonb language sql stable as $$
  select jsonb_build_object('count', count(*), 'bytes', coalesce(sum(size), 0))
  from ${s}.uploads where not anonymous and holder is distinct from p_node
$$;

-- Whether another living node holds an upload.
create function ${s}.is_held(p_holder uuid, p_node uuid) returns boolean language sql stable as $$
  select p_holder is not null and p_holder <> p_node and exists (
    select 1 from ${s}.nodes where id = p_holder and heartbeat > clock_timestamp() - interval '${NODE_GONE_S} s')
$$;

create function ${s}.drop_upload(p_key text) returns void language plpgsql as $$
declare v_file uuid;
begin
  delete from ${s}.uploads where key = p_key returning file_id into v_file;
  if found then insert into ${s}.garbage (file_id, since) values (v_file, clock_timestamp()); end if;
end $$;

-- Has the upload, or makes it, for a put on this node. Without an offset it begins anew, as content 'p_file'. Without
-- 'p_max' it is anonymous.
create function ${s}.begin_upload(
  p_node uuid, p_force boolean, p_key text, p_file uuid, p_name text, p_folders text[], p_if_absent boolean,
  p_total bigint, p_offset bigint, p_max integer, p_prefixes text[], p_limits bigint[]
) returns jsonb language plpgsql as $$
declare v ${s}.uploads; v_fault jsonb; v_found boolean; v_current bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended(p_key, 1 + '${s}'::regnamespace::oid::bigint));
  select * into v from ${s}.uploads where key = p_key for update;
  v_found := found;
  -- A put that is refused leaves the upload to whoever has it.
  v_fault := ${s}.placement_fault(p_name, p_folders, p_if_absent);
  if v_fault is not null then return v_fault; end if;
  if v_found and not p_force and ${s}.is_held(v.holder, p_node) then
    return jsonb_build_object('held', v.holder);
  end if;
  -- Whoever has it loses it now, whatever is found below. When this is the same call again, whose answer was lost, the
  -- content is its own, and stays.
  if v_found and v.file_id <> p_file and (p_offset is null or v.size = 0) then
    perform ${s}.drop_upload(p_key);
    v_found := false;
    v.size := 0;
  elsif v_found then
    update ${s}.uploads set epoch = nextval('${s}.epochs'), holder = null where key = p_key;
  end if;
  if p_offset is not null and p_offset <> coalesce(v.size, 0) then
    return jsonb_build_object('fault', 'bad-offset', 'offset', coalesce(v.size, 0));
  end if;
  if v_found and v.size > p_total then
    return jsonb_build_object('fault', 'size-mismatch', 'expected', p_total, 'actual', v.size);
  end if;
  if cardinality(p_prefixes) > 0 then perform ${s}.lock_usage(p_name, null); end if;
  select f.size into v_current from ${s}.files f where f.name = p_name;
  v_fault := ${s}.quota_fault(p_prefixes, p_limits, p_total - coalesce(v_current, 0), p_key);
  if v_fault is not null then return v_fault; end if;
  if not v_found and p_max is not null then
    perform pg_advisory_xact_lock(hashtextextended('', 2 + '${s}'::regnamespace::oid::bigint));
    if (select count(*) from ${s}.uploads where not anonymous) >= p_max then
      return jsonb_build_object('fault', 'too-many-uploads');
    end if;
  end if;
  insert into ${s}.uploads as u
  values (p_key, p_max is null, nextval('${s}.epochs'), p_file, p_name, p_total, 0, 0, p_node, clock_timestamp())
  on conflict (key) do update
  set epoch = excluded.epoch, name = excluded.name, total = excluded.total, holder = excluded.holder, touched = excluded.touched
  returning * into v;
  return jsonb_build_object('epoch', v.epoch, 'file', v.file_id, 'offset', v.size, 'crc32', v.crc32,
    'others', ${s}.others(p_node));
end $$;

-- Names one more segment of an upload: false when somebody else has it, null when the segment is too old to be named. It
-- may be called again with the same segment.
create function ${s}.append_segment(
  p_key text, p_epoch bigint, p_file uuid, p_start bigint, p_length integer, p_object text, p_crc32 bigint,
  p_crc32_of_all bigint, p_began timestamptz
) returns boolean language plpgsql as $$
begin
  if p_began < clock_timestamp() - interval '1 hour' then return null; end if;
  update ${s}.uploads set size = p_start + p_length, crc32 = p_crc32_of_all, touched = clock_timestamp()
  where key = p_key and epoch = p_epoch and file_id = p_file and size = p_start;
  if not found then
    -- Its own call again, whose answer was lost.
    return exists (
      select 1 from ${s}.uploads u join ${s}.segments g on g.file_id = u.file_id
      where u.key = p_key and u.epoch = p_epoch and u.file_id = p_file and g.start = p_start and g.object = p_object);
  end if;
  insert into ${s}.segments values (p_file, p_start, p_length, p_object, p_crc32, null);
  return true;
end $$;

-- Lets an upload go. Nothing is kept of one that has nothing, nor when 'p_keep' is false.
create function ${s}.release_upload(p_node uuid, p_key text, p_epoch bigint, p_keep boolean) returns jsonb
language plpgsql as $$
declare v_size bigint;
begin
  select size into v_size from ${s}.uploads where key = p_key and epoch = p_epoch for update;
  if found and p_keep and v_size > 0 then
    update ${s}.uploads set holder = null, touched = clock_timestamp() where key = p_key;
  elsif found then
    perform ${s}.drop_upload(p_key);
  end if;
  perform pg_notify('${s}', 'released ' || p_key);
  return ${s}.others(p_node);
end $$;

-- How much of an upload there is; nobody may append to it until a put has it.
create function ${s}.take_upload(p_operation uuid, p_node uuid, p_force boolean, p_key text, p_drop boolean)
returns jsonb language plpgsql as $$
declare v ${s}.uploads; v_found boolean; v_answer jsonb;
begin
  select answer into v_answer from ${s}.operations where id = p_operation;
  if found then return v_answer; end if;
  select * into v from ${s}.uploads where key = p_key for update;
  v_found := found;
  if not v_found then
    -- The call before may have dropped it while this one waited for the row.
    select answer into v_answer from ${s}.operations where id = p_operation;
    if found then return v_answer; end if;
  end if;
  if v_found and not p_force and ${s}.is_held(v.holder, p_node) then
    return jsonb_build_object('held', v.holder);
  end if;
  if v_found and (p_drop or v.size = 0) then
    perform ${s}.drop_upload(p_key);
  elsif v_found then
    update ${s}.uploads set epoch = nextval('${s}.epochs'), holder = null, touched = clock_timestamp() where key = p_key;
  end if;
  v_answer := jsonb_build_object('found', v_found, 'offset', coalesce(v.size, 0), 'crc32', coalesce(v.crc32, 0),
    'others', ${s}.others(p_node));
  -- What was dropped is not found when this is asked again.
  if p_drop and v_found then insert into ${s}.operations values (p_operation, clock_timestamp(), v_answer); end if;
  return v_answer;
end $$;
`;
