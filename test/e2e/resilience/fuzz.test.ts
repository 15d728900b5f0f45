/**
 * Hundreds of random conversations with a server process, in the long form thousands. It never crashes and never fails in a way it does not know; it
 * answers what it should; it writes nothing outside its root, leaks no descriptor and no temporary file, and gives its
 * memory back.
 *
 * `SLUICE_FUZZ_SECONDS=600 npx vitest run test/e2e/resilience/fuzz.test.ts` goes on for ten minutes
 * with seeds of their own, which a failure prints.
 */
import { fileURLToPath } from 'node:url';
import { fc } from '@fast-check/vitest';
import { firstValueFrom } from 'rxjs';
import { afterEach, expect, test } from 'vitest';
import { catalogue } from '../../../src/files/protocol/errors.ts';
import { UPLOAD_ID_PATTERN } from '../../../src/files/protocol/upload.ts';
import { requestFraming } from '../../../src/files/session/dispatch.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { type FuzzConversation, fuzzConversation } from '../../support/network/fuzz-conversation.ts';
import { converse, frame, outcomes, peer, putFrame } from '../../support/network/peer.ts';
import { endAll, main, type Running, start } from '../../support/processes/cli.ts';
import {
  descriptorsOf,
  descriptorsOfFiles,
  residentOf,
  socketsOf,
} from '../../support/processes/process-facts.ts';
import { cases, testSeed } from '../../support/random/cases.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { walledRoot } from '../../support/stores/walled-root.ts';
import { eventsOf } from '../../wire/stream.ts';

const longer = process.env.SLUICE_FUZZ_SECONDS;
const mib = 1024 * 1024;

afterEach(endAll);

/** What a server sees in these bytes, whoever looks. */
function framesIn(chunks: readonly Uint8Array[]) {
  const events = eventsOf(requestFraming(), chunks);
  const headers = events.flatMap((event) => (event.type === 'start' ? [event.header] : []));
  const ends = events.filter((event) => event.type === 'end').length;
  return { headers, ends, fault: events.some((event) => event.type === 'fault') };
}

const later = (ms: number) => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ms));

async function hold(port: number, { chunks, ending }: FuzzConversation): Promise<void> {
  const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port }));
  const { send, all, replies, over } = peer(connection);
  if (ending === 'unread') connection.pause();
  for (const chunk of chunks) {
    // Each as a packet of its own, or nearly; the server may have ended by now.
    if ((await send(chunk)) !== null) break;
    await new Promise(setImmediate);
  }
  // Nothing need come, when nothing was whole or the replies are held back.
  if (ending === 'first') await Promise.race([replies(1).catch(() => []), over, later(50)]);
  if (ending === 'end' || ending === 'unread') connection.end();
  if (ending === 'end') {
    const answers = await Promise.race([all(), later(120_000)]);
    if (answers === undefined) throw new Error('the server does not end the connection');
    expect(await over).toBeNull();
    checkAnswers(chunks, answers);
  }
  connection.destroy();
}

function checkAnswers(chunks: readonly Uint8Array[], answers: readonly JsonHeader[]): void {
  for (const code of outcomes(answers.filter(({ error }) => error !== undefined))) {
    expect(Object.keys(catalogue)).toContain(code);
    expect(code, JSON.stringify(answers)).not.toBe('internal');
  }
  const { headers, ends, fault } = framesIn(chunks);
  const final = answers.filter(({ ack }) => ack !== 'progress');
  // Each whole request has its answer; one cut short may have been refused before it was; and a fault has one.
  expect(final.length).toBeGreaterThanOrEqual(ends + (fault ? 1 : 0));
  expect(final.length).toBeLessThanOrEqual(headers.length + (fault ? 1 : 0));
  const commands = final.slice(0, ends).map(({ ack, cmd }) => ack ?? cmd);
  const asked = headers
    .slice(0, ends)
    .map(({ cmd }) => (typeof cmd === 'string' ? cmd.slice(0, 64) : undefined));
  expect(commands).toEqual(asked);
}

test(
  'a server survives hundreds of random conversations, and nothing is left of them',
  async () => {
    const { root, beside } = walledRoot();
    const before = beside();
    const preload = fileURLToPath(new URL('../../support/processes/memory-on-signal.mjs', import.meta.url));
    const serving = ['serve', root, '--port', '0', '--durability', 'os'];
    const running = start(process.execPath, ['--import', preload, main, ...serving]);
    const port = Number((await running.said(/^listening on 127\.0\.0\.1:(\d+)$/m))[1]);
    const pid = running.child.pid ?? 0;
    const sockets = socketsOf(pid);
    /** What it has open, without the folders that it keeps open: which these are depends on what was last asked for. */
    const opened = () =>
      descriptorsOfFiles(pid)
        .map((path) => path.replace(/\d+/g, 'N'))
        .sort();
    /** Once the server has no connection left. */
    const quiet = () => expect.poll(() => socketsOf(pid)).toBe(sockets);
    let memoryLooks = 0;
    const memory = () => memoryOf(running, ++memoryLooks);

    /** Every upload that was ever named: what is kept of them is no leak. */
    const uploads = new Set<string>();
    let held = 0;
    const conversations = fc.array(fuzzConversation, { minLength: 6, maxLength: 10 });
    const property = fc.asyncProperty(conversations, async (some) => {
      for (const { chunks } of some)
        for (const { upload } of framesIn(chunks).headers)
          if (typeof upload === 'string' && UPLOAD_ID_PATTERN.test(upload)) uploads.add(upload);
      // All at once, each on its own connection, to the same few names.
      await Promise.all(some.map((one) => hold(port, one)));
      held += some.length;
      expect(running.child.exitCode ?? running.child.signalCode).toBeNull();
    });

    // The first few load what is loaded late, and fill what is kept.
    await fc.assert(property, { seed: testSeed, numRuns: 40 });
    // The thread for small files, too, whose memory is kept: it is started by a burst, if one comes at once.
    const burst = Array.from({ length: 64 }, (_, index) => putFrame(`burst-${index}`, 'x'));
    await converse(port, Buffer.concat(burst));
    await quiet();
    // A file that was being sent is closed a moment after its connection.
    const sent = () => descriptorsOfFiles(pid).filter((path) => path.startsWith(root));
    await expect.poll(sent, { timeout: 60_000 }).toEqual([]);
    const descriptors = opened();
    const heap = await memory();
    const resident = residentOf(pid);

    const bounds =
      longer === undefined
        ? { seed: testSeed + 1, numRuns: cases(80) }
        : { numRuns: Number.POSITIVE_INFINITY, interruptAfterTimeLimit: Number(longer) * 1000 };
    await fc.assert(property, { ...bounds, markInterruptAsFailure: false });

    await quiet();
    await expect.poll(opened).toEqual(descriptors);
    // As many folders as are kept, and a few that are always open.
    expect(descriptorsOf(pid).length - descriptors.length).toBeLessThan(24);
    const cancels = [...uploads].map((upload) => frame({ cmd: 'cancel', upload }));
    for (const code of outcomes(await converse(port, ...cancels)))
      expect(['cancel', 'not-found']).toContain(code);
    await expect.poll(() => temporariesIn(root)).toEqual([]);
    expect(beside()).toEqual(before);
    const [heapNow, residentNow] = [await memory(), residentOf(pid)];
    console.log(
      `${held} conversations; heap and buffers ${inMiB(heap)} -> ${inMiB(heapNow)}, resident ${inMiB(resident)} -> ${inMiB(residentNow)}`,
    );
    expect(heapNow - heap).toBeLessThan(6 * mib);
    expect(residentNow - resident).toBeLessThan(128 * mib);
    running.child.kill('SIGTERM');
    const { status, stderr } = await running.done;
    expect(status).toBe(0);
    expect(stderr).not.toMatch(/"internal"|"level":"(error|fatal)"/);
    expect(temporariesIn(root)).toEqual([]);
  },
  Number(longer ?? 60) * 1000 + 600_000,
);

const inMiB = (bytes: number) => `${(bytes / mib).toFixed(1)} MiB`;

async function memoryOf(running: Running, look: number): Promise<number> {
  running.child.kill('SIGWINCH');
  const [, bytes] = await running.said(new RegExp(`^memory ${look}: (\\d+)$`, 'm'));
  return Number(bytes);
}
