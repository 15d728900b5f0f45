/**
 * The tables of the store: what files are called, where their bytes are, and who may still append.
 *
 * ```text
 *  files      a name           → the content (`file_id`) that it stands for
 *  segments   a content        → the objects that its bytes are in, each written once and never changed
 *  uploads    a key            → the content that grows, who appends to it, and under which epoch
 *  garbage    a content that no name stands for any more, and since when
 *  nodes      a node           → when it was last heard of, and the oldest moment that its readers know
 *  usage      a prefix         → the bytes of the files whose names start with it: kept for quotas
 *  operations an operation     → its answer, for a node that did not hear it
 * ```
 */

/** @param s the schema: a checked identifier. */
export const tables = (s: string): string => `
create table ${s}.store (
  id uuid not null,
  version integer not null,
  bucket text not null,
  prefix text not null,
  swept timestamptz not null default now()
);

create table ${s}.files (
  name text collate "C" primary key,
  size bigint not null,
  mtime bigint not null,
  crc32 bigint not null,
  file_id uuid not null
);

-- The first segment of a content that was committed says how many bytes it replaced. An empty content has one, of
-- length 0 and without an object.
create table ${s}.segments (
  file_id uuid not null,
  start bigint not null,
  length integer not null,
  object text not null,
  crc32 bigint not null,
  replaced bigint,
  primary key (file_id, start)
);

-- A put without a key that is longer than one segment is one too, without a name that anybody could ask for.
create table ${s}.uploads (
  key text collate "C" primary key,
  anonymous boolean not null,
  epoch bigint not null,
  file_id uuid not null,
  name text not null,
  total bigint not null,
  size bigint not null,
  crc32 bigint not null,
  holder uuid,
  touched timestamptz not null
);
-- An epoch is never used twice, not even for a key whose upload was dropped and begun again.
create sequence ${s}.epochs;

create table ${s}.garbage (
  file_id uuid primary key,
  since timestamptz not null,
  -- A commit may be seen long after it was made: its grace begins when the keeper sees it.
  seen boolean not null default false
);
create index garbage_since on ${s}.garbage (since) where seen;
create index garbage_unseen on ${s}.garbage (file_id) where not seen;

create table ${s}.nodes (
  id uuid primary key,
  heartbeat timestamptz not null,
  oldest_open timestamptz not null
);

create table ${s}.usage (
  prefix text collate "C" primary key,
  used bigint not null
);

create table ${s}.operations (
  id uuid primary key,
  at timestamptz not null,
  answer jsonb not null
);
create index operations_at on ${s}.operations (at);
`;
