/** The functions that change what names stand for: commit, remove, rename. */

/** @param s the schema: a checked identifier. */
export const fileFunctions = (s: string): string => functionsOf(s, 'create function', () => '');

/** In place of those before: they record what they do, while anybody wants to know of it. */
export const recordingFileFunctions = (s: string): string =>
  functionsOf(s, 'create or replace function', (recording) => recording);

/** A refusal for want of room is noted as any other, but for an upload: that is kept, and committed again later. */
const refusedCommit = (s: string): string => `
  v_mode := ${s}.change_mode();
  if v_mode = 'full' then
    v_fault := jsonb_build_object('fault', 'events-full');
    if p_upload is null then insert into ${s}.operations values (p_file, clock_timestamp(), v_fault); end if;
    return v_fault;
  end if;`;

const refusedChange = (s: string): string => `
  v_mode := ${s}.change_mode();
  if v_mode = 'full' then return jsonb_build_object('fault', 'events-full'); end if;`;

/** @param only answers what is for functions that record. */
const functionsOf = (s: string, create: string, only: (recording: string) => string): string => `
-- Makes a content visible under its name. The arrays are the segments that no row names yet. It may be called again
-- with the same content, by a node that did not hear the answer.
${create} ${s}.commit_file(
  p_name text, p_folders text[], p_size bigint, p_mtime bigint, p_crc32 bigint, p_if_absent boolean,
  p_file uuid, p_upload text, p_epoch bigint, p_began timestamptz,
  p_starts bigint[], p_lengths integer[], p_objects text[], p_crcs bigint[],
  p_prefixes text[], p_limits bigint[]
) returns jsonb language plpgsql as $$
declare v_replaced bigint; v_old uuid; v_size bigint := 0; v_fault jsonb;${only(' v_mode text;')}
begin
  perform ${s}.lock_names(array[p_name], p_folders);
  select replaced into v_replaced from ${s}.segments where file_id = p_file and start = 0;
  if v_replaced is not null then return jsonb_build_object('replaced', v_replaced); end if;
  -- A refusal stays one, whenever an earlier call of the same is run: its objects may be deleted by then.
  select answer into v_fault from ${s}.operations where id = p_file;
  if found then return v_fault; end if;${only(refusedCommit(s))}
  if p_upload is not null then
    -- All that comes before the segments of this call must be named: a database that lost its last moments has lost some.
    delete from ${s}.uploads
    where key = p_upload and epoch = p_epoch and file_id = p_file and size = coalesce(p_starts[1], p_size);
    if not found then return jsonb_build_object('fault', 'upload-taken'); end if;
  end if;
  perform ${s}.lock_usage(p_name, null);
  select f.file_id, f.size into v_old, v_size from ${s}.files f where f.name = p_name;
  v_size := coalesce(v_size, 0);
  v_fault := ${s}.placement_fault(p_name, p_folders, p_if_absent);
  if v_fault is null then v_fault := ${s}.quota_fault(p_prefixes, p_limits, p_size - v_size, p_upload); end if;
  if v_fault is null and p_began < clock_timestamp() - interval '1 hour' then
    v_fault := jsonb_build_object('fault', 'late');
  end if;
  if v_fault is not null then
    if p_upload is not null then insert into ${s}.garbage (file_id, since) values (p_file, clock_timestamp()); end if;
    insert into ${s}.operations values (p_file, clock_timestamp(), v_fault);
    return v_fault;
  end if;
  insert into ${s}.segments
  select p_file, n.start, n.length, n.object, n.crc32, case when n.start = 0 then v_size end
  from unnest(p_starts, p_lengths, p_objects, p_crcs) as n(start, length, object, crc32);
  if p_upload is not null then
    update ${s}.segments set replaced = v_size where file_id = p_file and start = 0;
  end if;
  insert into ${s}.files values (p_name, p_size, p_mtime, p_crc32, p_file)
  on conflict (name) do update
  set size = excluded.size, mtime = excluded.mtime, crc32 = excluded.crc32, file_id = excluded.file_id;
  if v_old is not null then insert into ${s}.garbage (file_id, since) values (v_old, clock_timestamp()); end if;
  perform ${s}.use_bytes(p_name, p_size - v_size);${only(`
  perform ${s}.record_change(v_mode, 'stored', p_name, null, p_size, p_crc32);`)}
  return jsonb_build_object('replaced', v_size);
end $$;

${create} ${s}.remove_file(p_operation uuid, p_name text) returns jsonb
language plpgsql as $$
declare v_answer jsonb; v_file uuid; v_size bigint;${only(' v_mode text; v_crc32 bigint;')}
begin
  perform ${s}.lock_names(array[p_name], '{}');
  select answer into v_answer from ${s}.operations where id = p_operation;
  if found then return v_answer; end if;${only(refusedChange(s))}
  delete from ${s}.files where name = p_name returning file_id, size${only(', crc32')} into v_file, v_size${only(', v_crc32')};
  if not found then return ${s}.missing(p_name); end if;
  insert into ${s}.garbage (file_id, since) values (v_file, clock_timestamp());
  perform ${s}.lock_usage(p_name, null);
  perform ${s}.use_bytes(p_name, -v_size);
  v_answer := jsonb_build_object('size', v_size);${only(`
  perform ${s}.record_change(v_mode, 'removed', p_name, null, v_size, v_crc32);`)}
  insert into ${s}.operations values (p_operation, clock_timestamp(), v_answer);
  return v_answer;
end $$;

${create} ${s}.rename_file(
  p_operation uuid, p_from text, p_from_folders text[], p_to text, p_to_folders text[], p_if_absent boolean,
  p_prefixes text[], p_limits bigint[]
) returns jsonb language plpgsql as $$
declare v_answer jsonb; v_file record; v_old uuid; v_size bigint := 0; v_fault jsonb;
  v_prefixes text[]; v_limits bigint[];${only(' v_mode text;')}
begin
  perform ${s}.lock_names(array[p_from, p_to], p_to_folders);
  select answer into v_answer from ${s}.operations where id = p_operation;
  if found then return v_answer; end if;${only(refusedChange(s))}
  select * into v_file from ${s}.files where name = p_from;
  if not found then return ${s}.missing(p_from); end if;
  v_fault := ${s}.placement_fault(p_to, p_to_folders, p_if_absent);
  if v_fault is not null then return v_fault; end if;
  if p_from <> p_to then
    perform ${s}.lock_usage(p_from, p_to);
    select f.file_id, f.size into v_old, v_size from ${s}.files f where f.name = p_to;
    v_size := coalesce(v_size, 0);
    -- Within a prefix that both names have, the file that moves adds nothing.
    select array_agg(q.prefix), array_agg(q.bytes) into v_prefixes, v_limits
    from unnest(p_prefixes, p_limits) as q(prefix, bytes) where not starts_with(p_from, q.prefix);
    v_fault := ${s}.quota_fault(coalesce(v_prefixes, '{}'), coalesce(v_limits, '{}'), v_file.size - v_size, null);
    if v_fault is not null then return v_fault; end if;
    delete from ${s}.files where name in (p_from, p_to);
    insert into ${s}.files values (p_to, v_file.size, v_file.mtime, v_file.crc32, v_file.file_id);
    if v_old is not null then insert into ${s}.garbage (file_id, since) values (v_old, clock_timestamp()); end if;
    perform ${s}.move_bytes(p_from, v_file.size, p_to, v_file.size - v_size);${only(`
    perform ${s}.record_change(v_mode, 'renamed', p_to, p_from, v_file.size, v_file.crc32);`)}
  end if;
  v_answer := jsonb_build_object('size', v_file.size, 'mtime', v_file.mtime, 'replaced', v_size);
  insert into ${s}.operations values (p_operation, clock_timestamp(), v_answer);
  return v_answer;
end $$;

-- What a name without a file is.
${create} ${s}.missing(p_name text) returns jsonb language sql stable as $$
  select jsonb_build_object('fault', 'not-found', 'why', case when exists (
    select 1 from ${s}.files f where f.name > p_name || '/' and f.name < p_name || '0'
  ) then 'it is a folder' end)
$$;

-- Counts a file that moves. The caller has locked the usage of both names.
${create} ${s}.move_bytes(p_from text, p_left bigint, p_to text, p_came bigint) returns void
language plpgsql as $$
begin
  update ${s}.usage u set used = used
    - case when starts_with(p_from, u.prefix) then p_left else 0 end
    + case when starts_with(p_to, u.prefix) then p_came else 0 end
  where starts_with(p_from, u.prefix) or starts_with(p_to, u.prefix);
end $$;
`;
