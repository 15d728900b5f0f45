/**
 * A server, or one of its workers, that is killed at random moments while clients store, remove and rename small files, and while a webhook fails
 * half of the time: no event is lost, made up, or out of the order of its name.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { converse, frame, putFrame } from '../../support/network/peer.ts';
import { endAll, type Serving, sluice, startServe } from '../../support/processes/cli.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { between, randomFrom } from '../../support/random/seeded.ts';
import { type AskedChange, type CameEvent, checkEvents } from '../../support/stores/event-history.ts';
import { newRoot, removeRoot } from '../../support/stores/store-roots.ts';

afterEach(endAll);

const CLIENTS = 4;
const KILLS = cases(6);
/** Answers between two kills. */
const CHANGES_PER_KILL = 80;

/** A webhook that fails every second time, at random, and what it has taken. */
async function flakyWebhook(random: () => number) {
  const came: CameEvent[] = [];
  let isAway = false;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const fails = isAway || random() < 0.5;
      // It may have taken what it fails to answer.
      if (!isAway && (!fails || random() < 0.3)) {
        const { id, type, data } = JSON.parse(body);
        const { name, from, size } = data;
        came.push({ id, type: type.replace('sluice.file.', ''), name, from, size });
      }
      response.writeHead(fails ? 503 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    ...{ came, url: `http://127.0.0.1:${port}/` },
    beAway: (is: boolean) => {
      isAway = is;
    },
  };
}

interface Run {
  readonly root: string;
  readonly random: () => number;
  readonly asked: AskedChange[];
  serving: Promise<Serving>;
  answers: number;
  onAnswer: () => void;
  isEnding: boolean;
  nextSize: number;
}

/** A client that makes one change after the other, to names of its own. */
async function client(run: Run, number: number): Promise<void> {
  /** The files that there are. One of which nobody knows is not used again. */
  const files: { name: string; size: number }[] = [];
  for (let i = 0; !run.isEnding; i++) {
    const { port } = await run.serving;
    const at = between(run.random, 0, Math.max(0, files.length - 1));
    const file = files.length > 3 && run.random() < 0.7 ? files.splice(at, 1)[0] : undefined;
    const change = nextChange(run, file, `client-${number}/${i}`);
    run.asked.push(change);
    const [reply] = await converse(port, requestOf(change)).catch(() => []);
    if (reply === undefined) continue;
    change.outcome = 'error' in reply ? 'refused' : 'done';
    if (change.type !== 'removed') files.push({ name: change.name, size: change.size });
    run.answers += 1;
    run.onAnswer();
  }
}

function nextChange(
  run: Run,
  file: { readonly name: string; readonly size: number } | undefined,
  newName: string,
): AskedChange {
  const outcome = 'unknown';
  const kind = run.random();
  if (file === undefined || kind < 0.4)
    return { type: 'stored', name: file?.name ?? newName, size: run.nextSize++, outcome };
  if (kind < 0.7) return { type: 'removed', ...file, outcome };
  return { type: 'renamed', name: newName, from: file.name, size: file.size, outcome };
}

function requestOf({ type, name, from, size }: AskedChange): Uint8Array {
  if (type === 'stored')
    return putFrame(name, Buffer.alloc(size), size % 3 === 0 ? { upload: `u-${size}` } : {});
  if (type === 'removed') return frame({ cmd: 'delete', filename: name });
  return frame({ cmd: 'rename', filename: from!, to: name, ...(size % 2 === 0 && { ifAbsent: true }) });
}

function filesOf(root: string): Map<string, number> {
  const files = new Map<string, number>();
  for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const stats = statSync(join(root, entry));
    if (!entry.startsWith('.sluice') && stats.isFile()) files.set(entry, stats.size);
  }
  return files;
}

/** The processes that a process has started. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

test.each([
  ['os', false, 1],
  ['fsync', false, 1],
  ['os', true, 1],
  ['os', false, 3],
  ['fsync', true, 3],
] as const)(
  'of a server (%s) that is killed again and again every event comes (webhook away: %s, workers: %i)',
  async (durability, isAway, workers) => {
    const root = newRoot();
    onTestFinished(() => removeRoot(root));
    const random = randomFrom(testSeed);
    const webhook = await flakyWebhook(random);
    webhook.beAway(isAway);
    const args = ['--durability', durability, '--events-webhook', webhook.url];
    if (workers > 1) args.push('--workers', String(workers));
    const serve = () => startServe(root, args);
    const run: Run = {
      ...{ root, random, asked: [], serving: serve(), answers: 0, onAnswer: () => {} },
      ...{ isEnding: false, nextSize: 1 },
    };
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(run, number));
    const restart = async () => {
      const { child, done } = await run.serving;
      let start: (serving: Promise<Serving>) => void = () => {};
      run.serving = new Promise<Serving>((resolve) => {
        start = resolve as typeof start;
      });
      child.kill('SIGKILL');
      await done;
      start(serve());
    };
    /** Kills one worker: the others go on, and another one takes its place. */
    const killWorker = async () => {
      const { child } = await run.serving;
      const pids = childrenOf(child.pid!);
      process.kill(pids[between(random, 0, pids.length - 1)]!, 'SIGKILL');
    };
    let killedWorkers = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const enough = run.answers + between(random, 1, CHANGES_PER_KILL);
      await new Promise<void>((resolve) => {
        run.onAnswer = () => {
          if (run.answers >= enough) resolve();
        };
      });
      if (workers === 1 || random() < 0.4) await restart();
      else {
        await killWorker();
        killedWorkers += 1;
      }
    }
    run.isEnding = true;
    await Promise.all(clients);
    webhook.beAway(false);
    await restart();
    const { child, done } = await run.serving;
    await expect
      .poll(async () => (await sluice(['events', 'list', root, '--json'])).stdout, {
        timeout: 60_000,
        interval: 300,
      })
      .toContain('"pending":0');
    child.kill('SIGTERM');
    expect((await done).status).toBe(0);
    checkEvents(run.asked, webhook.came, filesOf(root));
    // With fewer of them the run would have shown nothing.
    expect(run.asked.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThan(10 * KILLS);
    if (killedWorkers < KILLS)
      expect(run.asked.filter(({ outcome }) => outcome === 'unknown').length).toBeGreaterThan(0);
  },
  240_000,
);
