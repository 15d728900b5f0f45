/**
 * Two nodes of one store, either of which is killed at random moments while clients store, remove and rename small files at
 * both, and while a webhook fails half of the time: no event is lost, made up, or out of the order of its name.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { value } from '../../../src/store/conformance/case.ts';
import { needEngine } from '../../support/engines/engines.ts';
import { converse, frame, putFrame } from '../../support/network/peer.ts';
import { endAll, type Serving } from '../../support/processes/cli.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { between, randomFrom } from '../../support/random/seeded.ts';
import { startNode } from '../../support/stores/crash-places.ts';
import { type AskedChange, type CameEvent, checkEvents } from '../../support/stores/event-history.ts';
import { openNode, sharedEngines } from '../../support/stores/s3-nodes.ts';

afterEach(endAll);

const CLIENTS = 4;
const KILLS = Math.min(40, cases(4));
/** Answers between two kills. */
const CHANGES_PER_KILL = 60;

/** A webhook that fails every second time, and may have taken what it fails to answer. */
async function flakyWebhook(random: () => number) {
  const came: CameEvent[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const fails = random() < 0.5;
      if (!fails || random() < 0.3) {
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
  return { came, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

interface Run {
  readonly random: () => number;
  readonly asked: AskedChange[];
  readonly nodes: Promise<Serving>[];
  answers: number;
  onAnswer: () => void;
  isEnding: boolean;
  nextSize: number;
}

/** A client that makes one change after the other at either node, to names of its own. */
async function client(run: Run, number: number): Promise<void> {
  /** The files that there are. One of which nobody knows is not used again. */
  const files: { name: string; size: number }[] = [];
  for (let i = 0; !run.isEnding; i++) {
    const { port } = await run.nodes[between(run.random, 0, 1)]!;
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
  return frame({ cmd: 'rename', filename: from!, to: name });
}

describe.skipIf(!needEngine('ceph') || !needEngine('postgres'))('two nodes', () => {
  test('of which either is killed again and again tell a webhook of every change', async () => {
    const engines = await sharedEngines();
    const random = randomFrom(testSeed);
    const webhook = await flakyWebhook(random);
    const serve = () => startNode(engines, ['--events-webhook', webhook.url]);
    const run: Run = {
      ...{ random, asked: [], nodes: [serve(), serve()], answers: 0, onAnswer: () => {} },
      ...{ isEnding: false, nextSize: 1 },
    };
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(run, number));
    for (let kill = 0; kill < KILLS; kill++) {
      const enough = run.answers + between(random, 10, CHANGES_PER_KILL);
      await new Promise<void>((resolve) => {
        run.onAnswer = () => {
          if (run.answers >= enough) resolve();
        };
      });
      // Those that deliver are among them: the first node begins with it.
      const killed = kill % 2;
      const { child, done } = await run.nodes[killed]!;
      child.kill('SIGKILL');
      await done;
      run.nodes[killed] = serve();
    }
    run.isEnding = true;
    await Promise.all(clients);
    const seen = await openNode(engines, 'sluice', { changes: { sinks: [] } });
    onTestFinished(() => seen.close());
    // The one who died last may have had the sink: it is held for some time after that.
    await expect
      .poll(async () => (await seen.changes?.status())?.sinks, { timeout: 90_000, interval: 300 })
      .toMatchObject([{ sink: 'webhook', pending: 0, deadLetters: 0 }]);
    const { files } = await value(seen.list({ limit: 10_000 }));
    checkEvents(run.asked, webhook.came, new Map(files.map(({ name, size }) => [name, size])));
    for (const node of run.nodes) {
      const { child, done } = await node;
      child.kill('SIGTERM');
      expect((await done).status).toBe(0);
    }
    // With fewer of them the run would have shown nothing.
    expect(run.asked.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThan(10 * KILLS);
  }, 300_000);
});
