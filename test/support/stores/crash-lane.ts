/**
 * A server that is killed again and again, and the clients it does that to: each sends file after file, and begins again
 * whatever was not acknowledged. A ledger knows what each file may be.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { defer, first, firstValueFrom, from, lastValueFrom, mergeMap, tap } from 'rxjs';
import { bytesContent } from '../../../src/client/content/content.ts';
import { createUploads } from '../../../src/client/transfers/uploads.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { frame, peer, putFrame } from '../network/peer.ts';
import { type Serving, startServe } from '../processes/cli.ts';
import { between, bytesFrom } from '../seeded.ts';

/** The contents of all files are pieces of this, from other places each: no two are alike, and none has to be made. */
const pool = bytesFrom(7, 8 * 1024 * 1024);

/** What was sent under a name. */
interface Entry {
  /** The last version that was acknowledged, from 0; -1 for none. */
  acked: number;
  /** Every version that was ever begun. */
  readonly versions: Buffer[];
}

export type Tick = 'sent' | 'answered';

export interface Lane {
  readonly root: string;
  /** Where the server is now; while it is down, where it will be. */
  readonly port: () => Promise<number>;
  /** The system has taken some of a body, or the server has answered something. */
  readonly tick: (what: Tick) => void;
  /** Whether no client is to begin anything new. */
  readonly ending: () => boolean;
  /** A new version of a name: whatever is there from now on may be this. */
  readonly begin: (name: string, size: number) => Buffer;
  /** From now on it is this version, or one begun later. */
  readonly acked: (name: string, content: Buffer) => void;
  readonly random: () => number;
  /** What the clients saw, to be told and to be bounded. */
  readonly facts: { kills: number; stored: number; resumed: number; broken: number };
}

export interface RunningLane extends Lane {
  /** Starts the server, lets it serve until the clients have had so many of these ticks, and kills it. */
  readonly round: (what: Tick, ticks: number) => Promise<void>;
  /** Starts it, lets the clients finish, and ends it in good order. */
  readonly end: (clients: readonly Promise<void>[]) => Promise<void>;
  /** Throws unless every file in the root is what it may be, and every file that was acknowledged is there. */
  readonly check: () => void;
}

export function crashLane(root: string, random: () => number): RunningLane {
  const ledger = new Map<string, Entry>();
  const facts = { kills: 0, stored: 0, resumed: 0, broken: 0 };
  let port = deferred<number>();
  let ending = false;
  let left = 0;
  let counted: Tick = 'sent';
  let enough = () => {};

  async function serve(): Promise<Serving> {
    const serving = await startServe(root, ['--durability', 'fsync', '--log-level', 'error']);
    port.resolve(serving.port);
    return serving;
  }

  function check(): void {
    const there = new Set(filesIn(root));
    for (const name of there) {
      const entry = ledger.get(name);
      const content = readFileSync(join(root, name));
      const version = entry?.versions.findLastIndex((one) => one.equals(content)) ?? -1;
      if (entry === undefined || version < 0)
        throw new Error(`${name} has ${content.length} bytes nobody sent`);
      if (version < entry.acked)
        throw new Error(`${name} is version ${version}, but ${entry.acked} was acknowledged`);
    }
    for (const [name, { acked }] of ledger)
      if (acked >= 0 && !there.has(name)) throw new Error(`${name} was acknowledged, and is not there`);
  }

  return {
    root,
    random,
    facts,
    check,
    port: () => port.promise,
    ending: () => ending,
    tick(what) {
      if (what !== counted) return;
      left -= 1;
      if (left === 0) enough();
    },
    begin(name, size) {
      const at = between(random, 0, pool.length - size);
      const content = pool.subarray(at, at + size);
      const entry = ledger.get(name) ?? { acked: -1, versions: [] };
      ledger.set(name, entry);
      entry.versions.push(content);
      return content;
    },
    acked(name, content) {
      const entry = ledger.get(name);
      if (entry !== undefined) entry.acked = Math.max(entry.acked, entry.versions.indexOf(content));
      facts.stored += 1;
    },
    async round(what, ticks) {
      counted = what;
      const ticked = new Promise<void>((resolve) => {
        left = ticks;
        enough = resolve;
      });
      const { child, done } = await serve();
      await Promise.race([ticked, done]);
      if (child.exitCode !== null) throw new Error(`the server ended by itself: ${(await done).stderr}`);
      // First, so that no client goes on with the port of a server that is about to die.
      port = deferred();
      child.kill('SIGKILL');
      await done;
      facts.kills += 1;
      check();
    },
    async end(clients) {
      ending = true;
      const { child, done } = await serve();
      await Promise.all(clients);
      child.kill('SIGTERM');
      const { status, stderr } = await done;
      if (status !== 0 || stderr !== '') throw new Error(`ended with ${status}: ${stderr}`);
      check();
    },
  };
}

/** The stored files, by their names. */
function filesIn(root: string, at = ''): string[] {
  return readdirSync(join(root, at), { withFileTypes: true }).flatMap((entry) => {
    const name = `${at}${entry.name}`;
    if (name === '.sluice') return [];
    return entry.isDirectory() ? filesIn(root, `${name}/`) : [name];
  });
}

function deferred<T>() {
  let resolve = (_: T) => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

type Peer = ReturnType<typeof peer>;

/** Tries with a new connection each time, until one try has not been broken off. */
async function untilDone(lane: Lane, attempt: (peer: Peer) => Promise<boolean>): Promise<void> {
  for (;;) {
    const port = await lane.port();
    const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port })).catch(() => undefined);
    if (connection !== undefined) {
      try {
        if (await attempt(peer(connection))) return;
      } finally {
        connection.destroy();
      }
    }
    lane.facts.broken += 1;
    // The server is dead, and its port may not be known to be so yet.
    await new Promise(setImmediate);
  }
}

/**
 * Puts bursts of small files, to a few names over and over and now and then to a new one that must not be there yet, and
 * all of a burst anew until the last is acknowledged.
 */
export async function plainClient(lane: Lane, client: number): Promise<void> {
  for (let burst = 0; !lane.ending(); burst++) {
    const files = Array.from({ length: between(lane.random, 1, 8) }, (_, i) => {
      const isNew = i === 3;
      const name = isNew ? `new/${client}-${burst}` : `plain-${client}/${(burst + i) % 9}`;
      const content = lane.begin(name, Math.floor(60_000 ** lane.random()));
      return { name, content, isNew, done: false };
    });
    await untilDone(lane, async ({ send, replies }) => {
      const asked = files.filter(({ done }) => !done);
      const frames = asked.map(({ name, content, isNew }, id) =>
        putFrame(name, content, { id, ...(isNew ? { ifAbsent: true } : {}) }),
      );
      void send(...frames);
      for (const [i, file] of asked.entries()) {
        const reply = (await replies(i + 1))[i];
        if (reply === undefined) return false;
        lane.tick('answered');
        // It was committed, and the acknowledgement did not come through.
        const isThere = file.isNew && codeOf(reply) === 'exists';
        if (reply.ack !== 'put' && !isThere) throw new Error(`refused: ${JSON.stringify(reply)}`);
        file.done = true;
        lane.acked(file.name, file.content);
      }
      return true;
    });
  }
}

const codeOf = (reply: JsonHeader): unknown => (reply.error as { code?: string } | undefined)?.code;

/** Puts larger files as uploads, each going on where the server says it was interrupted. */
export async function resumingClient(lane: Lane, client: number): Promise<void> {
  for (let round = 0; !lane.ending(); round++) {
    const name = `resumed-${client}/${round % 3}`;
    const content = lane.begin(name, between(lane.random, 100_000, 1_500_000));
    const upload = `u-${client}-${round}`;
    /** Bytes that were given to the system at most, and that the server has said are durable. */
    const known = { sent: 0, told: 0 };
    await untilDone(lane, (it) => resumed(lane, it, { name, content, upload, known }));
    lane.acked(name, content);
  }
}

interface Resumable {
  readonly name: string;
  readonly content: Buffer;
  readonly upload: string;
  readonly known: { sent: number; told: number };
}

async function resumed(lane: Lane, { send, replies, headers$ }: Peer, file: Resumable): Promise<boolean> {
  const { name, content, upload, known } = file;
  void send(frame({ cmd: 'resume', upload }));
  const [state] = await replies(1);
  if (state === undefined) return false;
  const { offset, crc32: sum } = state as { offset: number; crc32: number };
  // None of it is left when it was committed, and the acknowledgement did not come through.
  const committed = offset === 0 && isCommitted(lane.root, name, content);
  const sound = offset <= known.sent && (offset >= known.told || committed);
  if (!sound) throw new Error(`of ${known.told} to ${known.sent} bytes there are ${JSON.stringify(state)}`);
  if (sum !== crc32(content.subarray(0, offset)))
    throw new Error('the server has other bytes than were sent');
  // Then it is sent once more, and what was told of it before counts no more.
  if (committed) Object.assign(known, { sent: 0, told: 0 });
  if (offset > 0) lane.facts.resumed += 1;
  const progress = headers$.subscribe(({ ack, offset }) => {
    lane.tick('answered');
    if (ack === 'progress') known.told = Math.max(known.told, offset as number);
  });
  /** So that the server is killed before it has all of it, no more is sent than this beyond what it has said it has. */
  const ahead = 200_000;
  const nearEnough = (at: number) => headers$.pipe(first(() => at <= known.told + ahead, null));
  try {
    const header = { cmd: 'put', filename: name, filesize: content.length, upload, offset, id: 'put' };
    void send(frame({ ...header, crc32: crc32(content), progress: 50_000 }));
    for (let at = offset; at < content.length; ) {
      const piece = content.subarray(at, at + between(lane.random, 1, 60_000));
      at += piece.length;
      known.sent = Math.max(known.sent, at);
      if ((await send(piece)) !== null) return false;
      lane.tick('sent');
      // Of the last of it nothing is told but that it is stored.
      if (at === content.length) break;
      if (at > Math.max(known.told, offset) + ahead && (await firstValueFrom(nearEnough(at))) === null)
        return false;
    }
    const last = await lastOf(headers$);
    if (last === undefined) return false;
    if (last.ack !== 'put') throw new Error(`refused: ${JSON.stringify(last)}`);
    return true;
  } finally {
    progress.unsubscribe();
  }
}

/** The reply to the put itself; undefined when the connection ends before it. */
const lastOf = (headers$: Peer['headers$']): Promise<JsonHeader | undefined> =>
  new Promise((resolve) => {
    headers$.subscribe({
      next: (header) => header.id === 'put' && header.ack !== 'progress' && resolve(header),
      complete: () => resolve(undefined),
    });
  });

function isCommitted(root: string, name: string, content: Buffer): boolean {
  const path = join(root, name);
  return existsSync(path) && statSync(path).size === content.length && readFileSync(path).equals(content);
}

/** Sends files of all sizes with the library's own uploads, four at a time over two connections. */
export async function libraryClient(lane: Lane, client: number): Promise<void> {
  const uploads = createUploads({
    connect: () =>
      defer(() => from(lane.port())).pipe(mergeMap((port) => connectTcp({ host: '127.0.0.1', port }))),
    crc32,
    parallel: 2,
    resumeThreshold: 100_000,
    progress: 50_000,
    // Kills may follow one another before anything is achieved.
    retries: 1000,
    backoff: { initial: 1, maximum: 5 },
  });
  const sender = async (lot: number) => {
    for (let round = 0; !lane.ending(); round++) {
      const name = `library-${client}/${lot}-${round % 5}`;
      const content = lane.begin(name, Math.floor(800_000 ** lane.random()));
      const stored = await lastValueFrom(
        uploads.upload(name, () => bytesContent(content)).pipe(tap(() => lane.tick('sent'))),
      );
      lane.tick('answered');
      if (stored.type === 'stored' && stored.resumedFrom > 0) lane.facts.resumed += 1;
      lane.acked(name, content);
    }
  };
  try {
    await Promise.all([0, 1, 2, 3].map(sender));
  } finally {
    uploads.destroy();
  }
}
