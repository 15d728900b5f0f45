/**
 * A server that is killed and started again and again while clients upload to it, and a ledger of what the
 * clients sent, which says what each file may be.
 */
import type { Serving } from '../processes/cli.ts';
import { between, bytesFrom } from '../random/seeded.ts';
import type { CrashPlace } from './crash-places.ts';

/**
 * The contents of all files are pieces of this. Each begins at a random offset, so no two are alike, and none
 * has to be made.
 */
const CONTENT_POOL = bytesFrom(7, 8 * 1024 * 1024);

/** What was sent under a name. */
interface SentFile {
  /** The last version that was acknowledged, from 0; -1 for none. */
  acknowledged: number;
  /** Every version that was ever begun. */
  readonly versions: Buffer[];
}

/** `sent`: the system has taken some of a body. `answered`: the server has answered a request. */
export type Progress = 'sent' | 'answered';

/** The run as the clients see it. */
export interface CrashRun {
  /** Whether this is the content of the file. */
  readonly isStored: (name: string, content: Buffer) => Promise<boolean>;
  /**
   * The port of the server, or of one that is never killed if there is such. While the server is down, that of the next one.
   */
  readonly port: () => Promise<number>;
  /** Called by the clients after each progress. */
  readonly noteProgress: (kind: Progress) => void;
  /** Whether the run is ending: the clients begin nothing new. */
  readonly isEnding: () => boolean;
  /** Returns the content of a new version of a file, which the file may have from now on. */
  readonly beginVersion: (name: string, size: number) => Buffer;
  /** From now on the file has this version, or one that was begun later. */
  readonly noteAcknowledged: (name: string, content: Buffer) => void;
  readonly random: () => number;
  /** The most files that a client of small files sends at once. */
  readonly burstMax: number;
  /** What happened in the run, for the test to check that it was enough to show something. */
  readonly counts: { kills: number; stored: number; resumed: number; broken: number };
}

/** The run as the test sees it. */
export interface CrashControl extends CrashRun {
  /** Starts the server, and kills it once the clients have made so many steps of this kind of progress. */
  readonly killAfter: (kind: Progress, steps: number) => Promise<void>;
  /** Starts the server, lets the clients finish, and ends it by SIGTERM. */
  readonly finish: (clients: readonly Promise<void>[]) => Promise<void>;
}

interface RunState {
  readonly place: CrashPlace;
  readonly random: () => number;
  readonly ledger: Map<string, SentFile>;
  readonly counts: CrashRun['counts'];
  port: Deferred<number>;
  isEnding: boolean;
  /** The progress after which the server is killed: its kind, the steps that are left, and what to call then. */
  awaited: { readonly kind: Progress; left: number; readonly onReached: () => void };
}

/** After each kill and at the end, it throws unless every file in the place is what it may be. */
export function createCrashRun(place: CrashPlace, random: () => number): CrashControl {
  const run: RunState = {
    place,
    random,
    ledger: new Map(),
    counts: { kills: 0, stored: 0, resumed: 0, broken: 0 },
    port: deferred(),
    isEnding: false,
    awaited: { kind: 'sent', left: 0, onReached: () => {} },
  };
  return {
    isStored: async (name, content) => (await place.content(name))?.equals(content) === true,
    random,
    burstMax: place.burstMax,
    counts: run.counts,
    port: () =>
      place.companion !== undefined && random() < 0.5 ? Promise.resolve(place.companion) : run.port.promise,
    isEnding: () => run.isEnding,
    noteProgress: (kind) => noteProgress(run, kind),
    beginVersion: (name, size) => beginVersion(run, name, size),
    noteAcknowledged: (name, content) => noteAcknowledged(run, name, content),
    killAfter: (kind, steps) => killAfter(run, kind, steps),
    finish: (clients) => finish(run, clients),
  };
}

/** Kills servers while the clients send, and lets them finish then. An error of a client ends it at once. */
export async function killWhileSending(
  run: CrashControl,
  clients: readonly Promise<void>[],
  kills: number,
): Promise<void> {
  const killing = async () => {
    for (let round = 0; round < kills; round++) {
      // Some kills come in the middle of a body, some in the middle of the answers.
      if (round % 3 === 0) await run.killAfter('sent', between(run.random, 1, 100));
      else await run.killAfter('answered', between(run.random, 1, 30));
    }
    await run.finish(clients);
  };
  const failed = Promise.all(clients).then(() => new Promise<never>(() => {}));
  await Promise.race([killing(), failed]);
}

function noteProgress({ awaited }: RunState, kind: Progress): void {
  if (kind !== awaited.kind) return;
  awaited.left -= 1;
  if (awaited.left === 0) awaited.onReached();
}

function beginVersion({ random, ledger }: RunState, name: string, size: number): Buffer {
  const at = between(random, 0, CONTENT_POOL.length - size);
  const content = CONTENT_POOL.subarray(at, at + size);
  const sent = ledger.get(name) ?? { acknowledged: -1, versions: [] };
  ledger.set(name, sent);
  sent.versions.push(content);
  return content;
}

function noteAcknowledged({ ledger, counts }: RunState, name: string, content: Buffer): void {
  const sent = ledger.get(name);
  if (sent !== undefined) sent.acknowledged = Math.max(sent.acknowledged, sent.versions.indexOf(content));
  counts.stored += 1;
}

async function killAfter(run: RunState, kind: Progress, steps: number): Promise<void> {
  const reached = new Promise<void>((resolve) => {
    run.awaited = { kind, left: steps, onReached: resolve };
  });
  const serving = await serve(run);
  const { child, done } = serving;
  await Promise.race([reached, done]);
  if (child.exitCode !== null) throw new Error(`the server ended by itself: ${(await done).stderr}`);
  // Before the kill, so that no client continues with the port of a server that is about to die.
  run.port = deferred();
  const { kill = killServer } = run.place;
  await kill(serving, run.random);
  run.counts.kills += 1;
  await checkFiles(run);
}

async function killServer({ child, done }: Serving): Promise<void> {
  child.kill('SIGKILL');
  await done;
}

async function finish(run: RunState, clients: readonly Promise<void>[]): Promise<void> {
  run.isEnding = true;
  const { child, done } = await serve(run);
  await Promise.all(clients);
  child.kill('SIGTERM');
  const { status, stderr } = await done;
  if (status !== 0 || stderr !== '') throw new Error(`ended with ${status}: ${stderr}`);
  await checkFiles(run);
}

async function serve({ place, port }: RunState): Promise<Serving> {
  const serving = await place.serve();
  port.resolve(serving.port);
  return serving;
}

/** Throws unless every file is what it may be, and every acknowledged file is there. */
async function checkFiles({ place, ledger }: RunState): Promise<void> {
  // Before they are read: a server that is not killed acknowledges more meanwhile.
  const acknowledgedBefore = new Map([...ledger].map(([name, { acknowledged }]) => [name, acknowledged]));
  const stored = new Set(await place.names());
  for (const name of stored) {
    const sent = ledger.get(name);
    const content = await place.content(name);
    const version = sent?.versions.findLastIndex((one) => content?.equals(one)) ?? -1;
    if (sent === undefined || version < 0)
      throw new Error(`${name} has ${content?.length} bytes that no client sent`);
    const acknowledged = acknowledgedBefore.get(name) ?? -1;
    if (version < acknowledged)
      throw new Error(`${name} is version ${version}, but ${acknowledged} was acknowledged`);
  }
  for (const [name, acknowledged] of acknowledgedBefore)
    if (acknowledged >= 0 && !stored.has(name))
      throw new Error(`${name} was acknowledged, but is not stored`);
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve = (_: T) => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
