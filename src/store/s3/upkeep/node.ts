/**
 * A node's own connection to the database: it says that the node lives, hears what others ask of it, and knows the time.
 *
 * ```text
 *  connecting   the connection is made; a failed try is followed by another, up to `RECONNECT_MAX_MS` later
 *  connected    a heartbeat every `heartbeatMs`; notifications come
 *  lost         an error, or a heartbeat without an answer: connecting
 * ```
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connectionOptions, type DatabaseSettings } from '../postgres/database.ts';
import { sqlFault } from '../postgres/sql-fault.ts';

/** Milliseconds without a heartbeat after which a node reads no more: half of what makes others take it for gone. */
const ALONE_MS = 30_000;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_MAX_MS = 5_000;

export interface Node {
  readonly id: string;
  /** The time by the clock of the database, in milliseconds since 1970. */
  now(): number;
  /** Whether the others take this node for living: only then does what it reads stay. */
  isHeard(): boolean;
  /** Resolves when another node has let this upload go, or after so many milliseconds. */
  whenReleased(key: string, atMostMs: number): Promise<void>;
  /** Says at once that the node lives. @throws an `EngineFault`. */
  beat(): Promise<void>;
  /** Whether this node is the one that does the upkeep, asked before each round. */
  isKeeper(): Promise<boolean>;
  close(): Promise<void>;
}

export interface NodeDeps {
  readonly settings: DatabaseSettings;
  /** Milliseconds between two heartbeats. */
  readonly heartbeatMs: number;
  /** When the oldest of the files that are being read was opened, by the clock of the database; null without any. */
  readonly oldestOpen: () => number | null;
  /** Another node wants an upload. */
  readonly asked: (key: string) => void;
  /** Another node, or this one, has said something else to all. */
  readonly told: (word: string) => void;
  /** Called after each heartbeat, with the uploads that this node does not hold, and how long it took. */
  readonly heard: (others: { readonly count: number; readonly bytes: number }, tookMs: number) => void;
  /** Called when the database did not answer a heartbeat, or its connection broke. */
  readonly lost: () => void;
}

interface NodeState extends NodeDeps {
  readonly id: string;
  client: pg.Client | null;
  timer: NodeJS.Timeout | null;
  retryMs: number;
  /** The database's clock less ours, and our clocks when the last heartbeat that was answered began. */
  ahead: number;
  heardAt: { readonly steady: number; readonly wall: number };
  readonly releases: Map<string, Set<() => void>>;
  isClosed: boolean;
}

/** @throws an `EngineFault` when the database cannot be reached. */
export async function joinNodes(deps: NodeDeps): Promise<Node> {
  const state: NodeState = {
    ...deps,
    id: randomUUID(),
    client: null,
    timer: null,
    retryMs: RECONNECT_FIRST_MS,
    ahead: 0,
    heardAt: { steady: Number.NEGATIVE_INFINITY, wall: 0 },
    releases: new Map(),
    isClosed: false,
  };
  try {
    await connect(state);
  } catch (thrown) {
    await close(state);
    throw sqlFault(thrown);
  }
  return {
    id: state.id,
    now: () => performance.now() + state.ahead,
    isHeard: () => isHeard(state),
    whenReleased: (key, atMostMs) => whenReleased(state, key, atMostMs),
    beat: async () => {
      try {
        await beat(state);
      } catch (thrown) {
        throw sqlFault(thrown);
      }
    },
    isKeeper: () => isKeeper(state),
    close: () => close(state),
  };
}

/** By both clocks: one stands still while the machine sleeps, the other may be set. */
function isHeard({ heardAt }: NodeState): boolean {
  const since = Math.max(performance.now() - heardAt.steady, Date.now() - heardAt.wall);
  return since < ALONE_MS;
}

async function connect(state: NodeState): Promise<void> {
  const client = new pg.Client(connectionOptions(state.settings));
  client.on('error', () => lose(state, client));
  client.on('end', () => lose(state, client));
  client.on('notification', ({ payload = '' }) => onNotification(state, payload));
  state.client = client;
  try {
    await client.connect();
    await client.query(`listen ${state.settings.schema}`);
    await beat(state);
  } catch (thrown) {
    state.client = null;
    cut(client);
    throw thrown;
  }
  state.retryMs = RECONNECT_FIRST_MS;
  schedule(state, state.heartbeatMs);
}

function schedule(state: NodeState, milliseconds: number): void {
  if (state.isClosed) return;
  if (state.timer !== null) clearTimeout(state.timer);
  state.timer = setTimeout(() => void round(state), milliseconds).unref();
}

async function round(state: NodeState): Promise<void> {
  const { client } = state;
  try {
    if (client === null) await connect(state);
    else {
      await beat(state);
      schedule(state, state.heartbeatMs);
    }
  } catch {
    if (client !== null) lose(state, client);
    else again(state);
  }
}

/** The connection is gone, or of no use: another one is made. */
function lose(state: NodeState, client: pg.Client): void {
  if (state.client !== client) return;
  state.client = null;
  cut(client);
  again(state);
}

/** Ends a connection that may be stuck: to end it in good order would wait for its answer. */
function cut(client: pg.Client): void {
  client.end().catch(() => {});
  (
    client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

function again(state: NodeState): void {
  state.lost();
  schedule(state, state.retryMs);
  state.retryMs = Math.min(RECONNECT_MAX_MS, state.retryMs * 2);
}

async function beat(state: NodeState): Promise<void> {
  const { client, id, settings, oldestOpen, heard } = state;
  if (client === null) throw new Error('the connection is lost');
  const { schema } = settings;
  const [steady, wall] = [performance.now(), Date.now()];
  const oldest = oldestOpen();
  const { rows } = await client.query({
    name: 'beat',
    text: `with mine as (
        insert into ${schema}.nodes as n values ($1, clock_timestamp(), least(clock_timestamp(), $2))
        on conflict (id) do update set heartbeat = excluded.heartbeat, oldest_open = excluded.oldest_open
      ) select extract(epoch from clock_timestamp()) * 1000 as now, ${schema}.others($1) as others`,
    values: [id, oldest === null ? null : new Date(oldest)],
  });
  const [{ now, others }] = rows;
  state.heardAt = { steady, wall };
  const answered = performance.now();
  // The answer was made at some moment between: half of the way is the best guess.
  state.ahead = Number(now) - (steady + answered) / 2;
  heard(others, answered - steady);
}

function onNotification(state: NodeState, payload: string): void {
  const [what, ...rest] = payload.split(' ');
  if (what === 'take') {
    const [node, key] = rest;
    if (node !== state.id && key !== undefined) state.asked(key);
  } else if (what === 'released') {
    const [key = ''] = rest;
    for (const wake of state.releases.get(key) ?? []) wake();
  } else if (what !== undefined) state.told(what);
}

function whenReleased(state: NodeState, key: string, atMostMs: number): Promise<void> {
  return new Promise((resolve) => {
    const waiting = state.releases.get(key) ?? new Set();
    const wake = () => {
      clearTimeout(timer);
      waiting.delete(wake);
      if (waiting.size === 0) state.releases.delete(key);
      resolve();
    };
    const timer = setTimeout(wake, atMostMs);
    state.releases.set(key, waiting.add(wake));
  });
}

/** A lock that ends with the connection: so there is always one keeper at most. */
async function isKeeper({ client, settings }: NodeState): Promise<boolean> {
  if (client === null) return false;
  const { rows } = await client.query({
    name: 'keeper',
    text: `select exists (select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
        and ((classid::bigint << 32) | objid::bigint) = k) or pg_try_advisory_lock(k) as keeper
      from (select hashtextextended($1, 3) as k) l`,
    values: [`sluice keeper ${settings.schema}`],
  });
  return rows[0].keeper;
}

async function close(state: NodeState): Promise<void> {
  const { client, settings, id } = state;
  state.isClosed = true;
  if (state.timer !== null) clearTimeout(state.timer);
  state.client = null;
  for (const waiting of state.releases.values()) for (const wake of [...waiting]) wake();
  if (client === null) return;
  await client.query(`delete from ${settings.schema}.nodes where id = $1`, [id]).catch(() => {});
  await client.end().catch(() => {});
}
